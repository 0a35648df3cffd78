//! `motion_planner` of Ferrodrive.
