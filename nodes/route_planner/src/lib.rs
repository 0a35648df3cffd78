//! `route_planner` of Ferrodrive.
