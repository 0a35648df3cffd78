//! `bag` of Ferrodrive.
