//! The `ferrodrive` command as a library: launch files, the stack made from them, drives, their evaluation, replays.

pub mod drive;
pub mod evaluate;
pub mod installation;
pub mod launch;
mod observer;
mod progress;
pub mod replay;
pub mod stack;
