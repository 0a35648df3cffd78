//! Keeps the arguments of this process from ROS 2's client library.
//!
//! rcl reads the process's arguments by itself and applies names and remaps to every node, those without `--ros-args` as
//! well. Here they are applied already ([`crate::ros_arguments`]), and a second time would be once too often: `-r a:=b -r
//! b:=c` is to lead from `a` to `b`. So the process starts itself anew with what rcl looks for written otherwise, and with
//! what rcl is to know.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::Context as _;

const ROS_ARGUMENTS: &str = "--ros-args";
/// What rcl looks for, and how it is written instead; nobody types the separators.
const HIDDEN: [(&str, &str); 2] = [(ROS_ARGUMENTS, "\u{1f}ros-args"), (":=", "\u{1f}=")];
/// Log lines go to the console and `/rosout` by `tracing`.
const OF_RCL: [&str; 3] = [ROS_ARGUMENTS, "--disable-rosout-logs", "--disable-external-lib-logs"];

/// The arguments as they were given, the program's name first.
pub fn given(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if is_hidden(&arguments) {
        arguments.truncate(arguments.len() - OF_RCL.len());
        HIDDEN.iter().for_each(|(plain, hidden)| replace(&mut arguments, hidden, plain));
    }
    arguments
}

/// Starts the process anew with its arguments hidden, where nodes are to use ROS 2's middleware and they are not yet.
///
/// # Errors
/// Where the choice of middleware cannot be followed, or the process cannot be started.
pub fn hide() -> anyhow::Result<()> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if !middleware::backend::is_ros2()? || is_hidden(&arguments) {
        return Ok(());
    }
    let program = std::env::current_exe().context("which program this is")?;
    let mut command = Command::new(program);
    command.args(hidden(arguments).into_iter().skip(1));
    Err(command.exec()).context("starting this program with its arguments hidden from rcl")
}

fn hidden(mut arguments: Vec<OsString>) -> Vec<OsString> {
    HIDDEN.iter().for_each(|(plain, hidden)| replace(&mut arguments, plain, hidden));
    arguments.extend(OF_RCL.map(OsString::from));
    arguments
}

fn is_hidden(arguments: &[OsString]) -> bool {
    arguments.ends_with(&OF_RCL.map(OsString::from))
}

fn replace(arguments: &mut [OsString], from: &str, to: &str) {
    for argument in arguments {
        // What is not text is no rule to rcl either.
        if let Some(text) = argument.to_str() {
            *argument = text.replace(from, to).into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_given_back_and_rcl_sees_none_of_it() {
        let as_given: Vec<OsString> =
            "ferrodrive run localizer --ros-args -r a:=b -r b:=c".split(' ').map(OsString::from).collect();
        let hidden = hidden(as_given.clone());
        let text: Vec<&str> = hidden.iter().filter_map(|argument| argument.to_str()).collect();
        assert!(!text.iter().any(|argument| argument.contains(":=")), "{text:?}");
        assert_eq!(text.iter().position(|argument| *argument == ROS_ARGUMENTS), Some(text.len() - OF_RCL.len()));
        assert!(is_hidden(&hidden) && !is_hidden(&as_given));
        assert_eq!((given(hidden), given(as_given.clone())), (as_given.clone(), as_given));
    }
}
