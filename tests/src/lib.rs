//! `system_tests` of Ferrodrive.
