//! `middleware` of Ferrodrive.
