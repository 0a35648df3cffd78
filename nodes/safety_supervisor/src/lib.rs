//! `safety_supervisor` of Ferrodrive.
