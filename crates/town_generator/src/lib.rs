//! `town_generator` of Ferrodrive.
