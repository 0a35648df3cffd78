//! `localizer` of Ferrodrive.
