//! `inference` of Ferrodrive.
