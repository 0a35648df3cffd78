//! `simulation` of Ferrodrive.
