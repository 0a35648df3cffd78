//! `simulator` of Ferrodrive.
