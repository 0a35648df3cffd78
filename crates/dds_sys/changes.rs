//! Cyclone DDS's source with two changes for Fast DDS at the other end:
//!
//! - A hook that may add to the inline quality of service of each sample. Replies to clients on Fast DDS name their request
//!   there (DDS-RPC 1.0), and the core has no interface for it.
//! - A reliable reader asks a writer on Fast DDS for all samples that it still holds for this reader, as it asks one on
//!   Cyclone. Else what was sent between the writer's finding the reader and the reader's finding the writer is taken for
//!   history and left out: the first request of a client, the one message of `ros2 topic pub --once`.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// A file, what is looked for in it once, and what stands there instead.
const CHANGES: [(&str, &str, &str); 4] = [
    (
        "src/core/ddsi/src/ddsi_transmit.c",
        "#include \"dds__whc.h\"\n",
        "#include \"dds__whc.h\"\n\nvoid (*fd_inline_qos) (struct ddsi_xmsg *, const struct ddsi_serdata *) = NULL;\n",
    ),
    (
        "src/core/ddsi/src/ddsi_transmit.c",
        "\n  if (ddsi_xmsg_addpar_sentinel_ifparam (*pmsg) > 0)\n",
        "\n  if (fd_inline_qos)\n    fd_inline_qos (*pmsg, serdata);\n  if (ddsi_xmsg_addpar_sentinel_ifparam (*pmsg) > 0)\n",
    ),
    (
        "src/core/ddsi/src/ddsi_transmit.c",
        "\n    rc = ddsi_xmsg_addpar_sentinel_ifparam (*pmsg);\n",
        "\n    if (fd_inline_qos)\n      fd_inline_qos (*pmsg, serdata);\n    rc = ddsi_xmsg_addpar_sentinel_ifparam (*pmsg);\n",
    ),
    (
        "src/core/ddsi/src/ddsi_endpoint_match.c",
        "\n    else if (ddsi_vendor_is_eclipse (pwr->c.vendor))\n      m->in_sync = PRMSS_OUT_OF_SYNC;\n",
        "\n    else if (ddsi_vendor_is_eclipse (pwr->c.vendor) || ddsi_vendor_is_eprosima (pwr->c.vendor))\n      m->in_sync = PRMSS_OUT_OF_SYNC;\n",
    ),
];

/// Where the changed source is: a copy under OUT_DIR, made once.
pub(crate) fn changed(source: &Path) -> io::Result<PathBuf> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?);
    let (copy, done) = (out.join("cyclonedds"), out.join("cyclonedds.done"));
    let changes = format!("{} {CHANGES:?}", source.display());
    // Files written anew would be compiled anew.
    if fs::read_to_string(&done).is_ok_and(|made| made == changes) {
        return Ok(copy);
    }
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    copy_folder(source, &copy)?;
    for (name, from, to) in CHANGES {
        let file = copy.join(name);
        let text = fs::read_to_string(&file)?;
        if text.matches(from).count() != 1 {
            return Err(io::Error::other(format!("{name}: expected `{}` once", from.trim())));
        }
        fs::write(&file, text.replace(from, to))?;
    }
    fs::write(done, changes)?;
    Ok(copy)
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::write(target, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}
