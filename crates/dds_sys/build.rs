//! Builds the Cyclone DDS core and the shim over it, and links both statically.

mod changes;

use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=shim");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=changes.rs");
    if Command::new("cmake").arg("--version").output().is_err() {
        eprintln!("dds_sys: `cmake` expected on PATH to build Cyclone DDS, none found: run tools/setup.sh drive");
        std::process::exit(1);
    }
    let source = match changes::changed(&cyclonedds_src::source_dir()) {
        Ok(source) => source,
        Err(error) => {
            eprintln!("dds_sys: Cyclone DDS's source cannot be prepared: {error}");
            std::process::exit(1);
        }
    };
    let mut config = cmake::Config::new(&source);
    for off in [
        "BUILD_SHARED_LIBS",
        "BUILD_IDLC",
        "BUILD_DDSPERF",
        "BUILD_TESTING",
        "BUILD_EXAMPLES",
        "ENABLE_LTO",
        "ENABLE_SSL",
        "ENABLE_SECURITY",
        "ENABLE_QOS_PROVIDER",
        "ENABLE_TOPIC_DISCOVERY",
        "WITH_DNS_SD",
    ] {
        config.define(off, "OFF");
    }
    // Its asserts are for its developers; they would end the process on what a peer sends.
    let built = config.profile("Release").build_target("ddsc").build().join("build");
    let core = source.join("src/core");
    let include: Vec<PathBuf> = vec![
        core.join("ddsc/include"),
        core.join("ddsi/include"),
        // Internal: the form of messages.
        core.join("ddsi/src"),
        core.join("cdr/include"),
        source.join("src/ddsrt/include"),
        built.join("src/core/include"),
        built.join("src/ddsrt/include"),
    ];
    cc::Build::new()
        .file("shim/bytes.c")
        .file("shim/endpoints.c")
        .file("shim/identity.c")
        .file("shim/pace.c")
        .file("shim/receive_queue.c")
        .includes(include)
        .warnings(false)
        .compile("dds_shim");
    println!("cargo:rustc-link-search=native={}", built.join("lib").display());
    println!("cargo:rustc-link-lib=static=ddsc");
    println!("cargo:rustc-link-lib=dylib=pthread");
    println!("cargo:rustc-link-lib=dylib=dl");
}
