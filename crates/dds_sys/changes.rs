//! Cyclone DDS's source with changes, most of them for Fast DDS at the other end:
//!
//! - A hook that may add to the inline quality of service of each sample. Replies to clients on Fast DDS name their request
//!   there (DDS-RPC 1.0), and the core has no interface for it.
//! - A reliable reader asks a writer on Fast DDS for all samples that it still holds for this reader, as it asks one on
//!   Cyclone. Else what was sent between the writer's finding the reader and the reader's finding the writer is taken for
//!   history and left out: the first request of a client, the one message of `ros2 topic pub --once`.
//! - Samples of many fragments go out whole where a reader is not on Cyclone, each datagram when its socket has room
//!   (`shim/pace.h`); and of who does not tell its socket's buffer, the core supposes the kernel's default instead of its
//!   own, larger one. Else the fragments of a point cloud overrun that buffer: best effort loses every cloud, reliable asks
//!   for most of it again.
//! - Each peer named by its address is asked through the interface that reaches it, not through the first; and an
//!   interface that is chosen twice is used once: the loopback's, on a machine that has no other.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// A file, what is looked for in it once, and what stands there instead.
const CHANGES: [(&str, &str, &str); 10] = [
    (
        "src/core/ddsi/src/ddsi_transmit.c",
        "#include \"dds__whc.h\"\n",
        "#include \"dds__whc.h\"\n\nvoid (*fd_inline_qos) (struct ddsi_xmsg *, const struct ddsi_serdata *) = NULL;\n\
         bool (*fd_paces) (const struct ddsi_writer *) = NULL;\nvoid (*fd_pause) (uint32_t) = NULL;\n",
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
        "src/core/ddsi/src/ddsi_transmit.c",
        "\n  for (uint32_t i = 0; i < nfrags_lim; i += nf_in_submsg)\n",
        "\n  const bool paced = fd_paces && fd_paces (wr);\n\n  for (uint32_t i = 0; i < nfrags_lim; i += nf_in_submsg)\n",
    ),
    (
        "src/core/ddsi/src/ddsi_transmit.c",
        "\n    if(fmsg) ddsi_xpack_addmsg (xp, fmsg, 0);\n    if(hmsg) ddsi_xpack_addmsg (xp, hmsg, 0);\n\n    ddsrt_mutex_lock (&wr->e.lock);\n",
        "\n    if (paced)\n    {\n      ddsi_xpack_send (xp, true);\n      fd_pause (nf_in_submsg * wr->e.gv->config.fragment_size);\n    }\
         \n    if(fmsg) ddsi_xpack_addmsg (xp, fmsg, 0);\n    if(hmsg) ddsi_xpack_addmsg (xp, hmsg, 0);\n\n    ddsrt_mutex_lock (&wr->e.lock);\n",
    ),
    (
        "src/core/ddsi/src/ddsi_transmit.c",
        "    if (sz <= max_burst_size || wr->num_reliable_readers != wr->num_readers)\n",
        "    if (sz <= max_burst_size || wr->num_reliable_readers != wr->num_readers || (isnew && fd_paces && fd_paces (wr)))\n",
    ),
    (
        "src/core/ddsi/src/ddsi_proxy_participant.c",
        "  else /* default to what we use */\n",
        "  else if (!ddsi_vendor_is_eclipse (vendor))\n    proxypp->receive_buffer_size = 212992;\n  else /* default to what we use */\n",
    ),
    (
        "src/core/ddsi/src/ddsi_spdp_schedule.c",
        "      switch (ddsi_is_nearby_address (gv, loc, (size_t) gv->n_interfaces, gv->interfaces, NULL))\n",
        "      switch (ddsi_is_nearby_address (gv, loc, 1, &gv->interfaces[i], NULL))\n",
    ),
    (
        "src/core/ddsi/src/ddsi_nwinterfaces.c",
        "      GVERROR (\"%s: the same interface may not be selected twice\\n\", act_iface->name);\n      return false;\n",
        "      return true;\n",
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
