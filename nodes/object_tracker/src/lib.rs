//! `object_tracker` of Ferrodrive.
