//! `trajectory_predictor` of Ferrodrive.
