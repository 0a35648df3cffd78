//! Telling ONNX Runtime's session options which providers there are.
#![allow(unsafe_code, reason = "the C API takes providers that the wrapper has no type for")]

use std::ffi::CString;
use std::path::Path;

use ort::AsPointer;
use ort::ep::{ArbitrarilyConfigurableExecutionProvider, CUDA, ExecutionProvider as _, OpenVINO, TensorRT};
use ort::session::builder::SessionBuilder;

use super::{ExecutionProvider, TensorRtOptions};
use crate::manifest::Precision;

/// What a provider is told unless the manifest says otherwise.
fn defaults(provider: &ExecutionProvider) -> Vec<(String, String)> {
    let pairs: &[(&str, &str)] = match provider {
        // One thread, as on the CPU provider, and the precision of the file: by itself it may choose bfloat16.
        ExecutionProvider::OpenVino => &[("device_type", "CPU"), ("num_of_threads", "1"), ("precision", "ACCURACY")],
        _ => &[],
    };
    pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
}

/// A provider's options as ONNX Runtime takes them.
///
/// # Errors
/// The option that is unknown, of another type or out of its range.
pub(crate) fn options(
    provider: &ExecutionProvider,
    table: Option<&toml::Table>,
    precision: Precision,
    cache: Option<&Path>,
) -> Result<Vec<(String, String)>, String> {
    let table = table.cloned().unwrap_or_default();
    let named = |reason: String| format!("[provider_options.{provider}]: {reason}");
    if *provider == ExecutionProvider::TensorRt {
        return Ok(TensorRtOptions::from_table(table).map_err(named)?.to_pairs(precision, cache));
    }
    let mut pairs = defaults(provider);
    pairs.retain(|(key, _)| !table.contains_key(key));
    for (key, value) in table {
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Boolean(on) => if on { "1" } else { "0" }.into(),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            other => {
                return Err(named(format!(
                    "{key}: expected text, a number or a truth value, got {}",
                    other.type_str()
                )));
            }
        };
        if key.contains('\0') || text.contains('\0') {
            return Err(named(format!("{key:?}: expected no NUL")));
        }
        pairs.push((key, text));
    }
    Ok(pairs)
}

/// Appends a provider to those that a session may use.
///
/// # Errors
/// What is wrong with the options, or what ONNX Runtime says.
pub(crate) fn register(
    builder: &mut SessionBuilder,
    provider: &ExecutionProvider,
    options: &[(String, String)],
) -> Result<(), String> {
    fn with<E: ArbitrarilyConfigurableExecutionProvider>(mut provider: E, options: &[(String, String)]) -> E {
        for (key, value) in options {
            provider = provider.with_arbitrary_config(key, value);
        }
        provider
    }
    let done = match provider {
        // Always there.
        ExecutionProvider::Cpu => Ok(()),
        ExecutionProvider::Cuda => with(CUDA::default(), options).register(builder),
        ExecutionProvider::TensorRt => with(TensorRT::default(), options).register(builder),
        ExecutionProvider::OpenVino => with(OpenVINO::default(), options).register(builder),
        ExecutionProvider::Other(name) => append(builder, name, options),
    };
    done.map_err(|e| e.to_string())
}

fn append(builder: &mut SessionBuilder, name: &str, options: &[(String, String)]) -> ort::Result<()> {
    let text = |text: &str| CString::new(text).map_err(|e| ort::Error::new(e.to_string()));
    let name = text(name)?;
    let keys = options.iter().map(|(key, _)| text(key)).collect::<ort::Result<Vec<CString>>>()?;
    let values = options.iter().map(|(_, value)| text(value)).collect::<ort::Result<Vec<CString>>>()?;
    let pointers = |texts: &[CString]| texts.iter().map(|text| text.as_ptr()).collect::<Vec<_>>();
    let (keys, values) = (pointers(&keys), pointers(&values));
    // SAFETY: the options are the builder's own; all texts outlive the call, which copies them.
    let status = unsafe {
        (ort::api().SessionOptionsAppendExecutionProvider)(
            builder.ptr_mut(),
            name.as_ptr(),
            keys.as_ptr(),
            values.as_ptr(),
            keys.len(),
        )
    };
    // SAFETY: the status is fresh from the call and used once.
    unsafe { ort::Error::result_from_status(status) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_texts_and_the_manifests_go_before_the_defaults() {
        let table: toml::Table = toml::from_str("device_type = \"GPU\"\nnum_streams = 2\nfast = true").unwrap();
        let pairs = options(&ExecutionProvider::OpenVino, Some(&table), Precision::Fp32, None).unwrap();
        let value = |key: &str| pairs.iter().filter(|(k, _)| k == key).map(|(_, v)| v.as_str()).collect::<Vec<_>>();
        assert_eq!(value("device_type"), ["GPU"]);
        assert_eq!(value("num_of_threads"), ["1"]);
        assert_eq!((value("num_streams"), value("fast")), (vec!["2"], vec!["1"]));
    }

    #[test]
    fn an_option_that_is_no_text_is_named() {
        let table: toml::Table = toml::from_str("list = [1]").unwrap();
        let error = options(&ExecutionProvider::Cuda, Some(&table), Precision::Fp32, None).unwrap_err();
        assert!(error.contains("provider_options.cuda") && error.contains("list"), "{error}");
    }
}
