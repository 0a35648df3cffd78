//! `lidar_detector` of Ferrodrive.
