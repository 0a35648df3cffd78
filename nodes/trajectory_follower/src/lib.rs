//! `trajectory_follower` of Ferrodrive.
