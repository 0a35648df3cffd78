//! The `ferrodrive` command as a library: launch files, the stack made from them, drives, their evaluation, replays, and recordings of the live graph.

mod allocator;
mod bag_qos;
pub mod carla;
pub mod drive;
mod drive_processes;
pub mod evaluate;
pub mod installation;
mod interrupt;
mod known_types;
pub mod launch;
pub mod launch_command;
mod map_source;
mod observer;
pub mod parameter_comments;
pub mod parameters;
pub mod play;
pub mod processes;
mod progress;
pub mod rcl_arguments;
pub mod record;
mod recording_file;
pub mod replay;
pub mod ros_arguments;
pub mod run;
pub mod simulate;
pub mod stack;
pub mod topic_filter;
