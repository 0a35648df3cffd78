//! `evaluation` of Ferrodrive.
