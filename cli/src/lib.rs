//! The `ferrodrive` command as a library: launch files, the stack made from them, drives, their evaluation, replays.

pub mod drive;
mod drive_processes;
pub mod evaluate;
pub mod installation;
pub mod launch;
pub mod launch_command;
mod observer;
pub mod parameter_comments;
pub mod processes;
mod progress;
pub mod replay;
pub mod ros_arguments;
pub mod run;
pub mod stack;
