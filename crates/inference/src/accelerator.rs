//! What an engine that was built on this machine depends on.
#![allow(unsafe_code, reason = "versions are asked of the vendor's libraries")]

use std::ffi::{CStr, c_char, c_int};

use libloading::{Library, Symbol};

/// CUDA's numbers of what a device can do. Source: CUDA Driver API, `CUdevice_attribute`.
const COMPUTE_CAPABILITY: [c_int; 2] = [75, 76];

/// Versions of the accelerator's libraries, its driver and the device; empty where there are none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accelerator {
    /// TensorRT, as the library says it: 10.9.0 is 100900.
    pub tensorrt: Option<i32>,
    /// CUDA of the driver: 13.0 is 13000.
    pub cuda: Option<i32>,
    /// The driver's own version.
    pub driver: Option<String>,
    /// The device's name and compute capability.
    pub device: Option<String>,
}

impl Accelerator {
    /// Asks the libraries that are installed about a device.
    pub fn find(device: u32) -> Self {
        let driver = ["/proc/driver/nvidia/version", "/etc/nv_tegra_release"]
            .iter()
            .find_map(|file| std::fs::read_to_string(file).ok()?.lines().next().map(str::to_owned));
        let (cuda, name) = ask_cuda(device).unwrap_or_default();
        Self { tensorrt: ask_tensorrt(), cuda, driver, device: name }
    }
}

fn ask_tensorrt() -> Option<i32> {
    ["libnvinfer.so.10", "libnvinfer.so"].iter().find_map(|name| {
        // SAFETY: the vendor's library, which the provider loads as well; the function takes nothing and gives a number.
        unsafe {
            let library = Library::new(*name).ok()?;
            let version: Symbol<unsafe extern "C" fn() -> i32> = library.get(b"getInferLibVersion").ok()?;
            Some(version())
        }
    })
}

fn ask_cuda(ordinal: u32) -> Option<(Option<i32>, Option<String>)> {
    // SAFETY: the driver's library with the signatures of its public API; all pointers are to locals.
    unsafe {
        let library = Library::new("libcuda.so.1").ok()?;
        let init: Symbol<unsafe extern "C" fn(u32) -> c_int> = library.get(b"cuInit").ok()?;
        let version: Symbol<unsafe extern "C" fn(*mut c_int) -> c_int> = library.get(b"cuDriverGetVersion").ok()?;
        let get: Symbol<unsafe extern "C" fn(*mut c_int, c_int) -> c_int> = library.get(b"cuDeviceGet").ok()?;
        let name: Symbol<unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int> =
            library.get(b"cuDeviceGetName").ok()?;
        let attribute: Symbol<unsafe extern "C" fn(*mut c_int, c_int, c_int) -> c_int> =
            library.get(b"cuDeviceGetAttribute").ok()?;
        let mut number = 0;
        let cuda = (version(&raw mut number) == 0).then_some(number);
        let (mut device, mut text) = (0, [0; 256]);
        let ordinal = c_int::try_from(ordinal).ok()?;
        if init(0) != 0 || get(&raw mut device, ordinal) != 0 || name(text.as_mut_ptr(), 255, device) != 0 {
            return Some((cuda, None));
        }
        let mut capability = [0; 2];
        for (value, which) in capability.iter_mut().zip(COMPUTE_CAPABILITY) {
            attribute(value, which, device);
        }
        let name = CStr::from_ptr(text.as_ptr()).to_string_lossy();
        Some((cuda, Some(format!("{name}, compute capability {}.{}", capability[0], capability[1]))))
    }
}
