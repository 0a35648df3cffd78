//! A session with its tensors bound: what a run costs beside the network itself is a few calls and no allocation.
#![allow(unsafe_code, reason = "the wrapper's bindings allocate and copy")]

use std::ffi::CString;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use ort::AsPointer;
use ort::session::{NoSelectedOutputs, RunOptions, Session};
use ort::sys::{ONNXTensorElementDataType, OrtIoBinding, OrtMemoryInfo, OrtStatusPtr, OrtValue};

use crate::manifest::{ElementType, TensorSpec};
use crate::tensor::{TensorData, TensorView};

fn check(status: OrtStatusPtr) -> ort::Result<()> {
    // SAFETY: each status is fresh from its call and used once.
    unsafe { ort::Error::result_from_status(status) }
}

/// A tensor of ONNX Runtime over memory that is somebody else's.
struct Value(NonNull<OrtValue>);

impl Value {
    /// # Safety
    /// The memory holds as many elements as the spec says, and lives whenever the value is used in a run.
    unsafe fn over(memory: &Memory, spec: &Bound, data: *const u8) -> ort::Result<Self> {
        let mut value = ptr::null_mut();
        // SAFETY: the shape outlives the call; the data is as the caller says; inputs are only read.
        check(unsafe {
            (ort::api().CreateTensorWithDataAsOrtValue)(
                memory.0.as_ptr(),
                data.cast_mut().cast(),
                spec.bytes,
                spec.shape.as_ptr(),
                spec.shape.len(),
                spec.element,
                &raw mut value,
            )
        })?;
        NonNull::new(value).map(Self).ok_or_else(|| ort::Error::new("no tensor came"))
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: it is this value's own and not used again.
        unsafe { (ort::api().ReleaseValue)(self.0.as_ptr()) }
    }
}

struct Memory(NonNull<OrtMemoryInfo>);

impl Memory {
    fn cpu() -> ort::Result<Self> {
        let mut info = ptr::null_mut();
        let (allocator, kind) =
            (ort::sys::OrtAllocatorType::OrtDeviceAllocator, ort::sys::OrtMemType::OrtMemTypeDefault);
        // SAFETY: writes the pointer that it is given.
        check(unsafe { (ort::api().CreateCpuMemoryInfo)(allocator, kind, &raw mut info) })?;
        NonNull::new(info).map(Self).ok_or_else(|| ort::Error::new("no memory info came"))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: it is this one's own and not used again.
        unsafe { (ort::api().ReleaseMemoryInfo)(self.0.as_ptr()) }
    }
}

struct Handle(NonNull<OrtIoBinding>);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: it is this one's own and not used again.
        unsafe { (ort::api().ReleaseIoBinding)(self.0.as_ptr()) }
    }
}

/// What binding a tensor takes, made once.
struct Bound {
    name: CString,
    shape: Vec<i64>,
    element: ONNXTensorElementDataType,
    bytes: usize,
}

impl Bound {
    fn new(spec: &TensorSpec) -> ort::Result<Self> {
        let element = match spec.element {
            ElementType::Float32 => ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
            ElementType::Int32 => ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
            ElementType::Int64 => ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64,
            ElementType::Uint8 => ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8,
        };
        Ok(Self {
            name: CString::new(spec.name.as_str()).map_err(|e| ort::Error::new(e.to_string()))?,
            shape: spec.shape.iter().map(|n| *n as i64).collect(),
            element,
            bytes: spec.len() * spec.element.size(),
        })
    }
}

/// An input with the memory that it was last bound to: as long as the caller gives the same, the tensor stays.
struct BoundInput {
    bound: Bound,
    value: Option<(*const u8, Value)>,
}

/// Inputs are read where the caller has them, outputs written into buffers of this binding's own.
pub(crate) struct Binding {
    // Before the session, which it belongs to; values before the buffers that they point into.
    handle: Handle,
    inputs: Vec<BoundInput>,
    _output_values: Vec<Value>,
    outputs: Vec<TensorData>,
    memory: Memory,
    options: Arc<RunOptions<NoSelectedOutputs>>,
    session: Session,
}

// SAFETY: ONNX Runtime's objects may be used from any thread, by one at a time; `run` takes `&mut self`. The pointers to
// inputs are only compared, and used while the caller lends the memory again.
unsafe impl Send for Binding {}

impl Binding {
    /// Binds a session's outputs, in the order of the specs.
    pub fn new(session: Session, inputs: &[TensorSpec], outputs: &[TensorSpec]) -> ort::Result<Self> {
        let mut handle = ptr::null_mut();
        // SAFETY: the session is alive, and the binding is released before it.
        check(unsafe { (ort::api().CreateIoBinding)(session.ptr().cast_mut(), &raw mut handle) })?;
        let handle = NonNull::new(handle).map(Handle).ok_or_else(|| ort::Error::new("no binding came"))?;
        let memory = Memory::cpu()?;
        let mut buffers: Vec<TensorData> = outputs.iter().map(TensorData::new).collect();
        let mut values = Vec::with_capacity(outputs.len());
        for (spec, buffer) in outputs.iter().zip(&mut buffers) {
            let bound = Bound::new(spec)?;
            // SAFETY: the buffer has the spec's length, is never resized and lives as long as the value.
            let value = unsafe { Value::over(&memory, &bound, buffer.as_mut_ptr()) }?;
            // SAFETY: all three are alive; the binding keeps its own hold on the value.
            check(unsafe { (ort::api().BindOutput)(handle.0.as_ptr(), bound.name.as_ptr(), value.0.as_ptr()) })?;
            values.push(value);
        }
        let bind = |spec| Ok(BoundInput { bound: Bound::new(spec)?, value: None });
        let inputs = inputs.iter().map(bind).collect::<ort::Result<_>>()?;
        let options = Arc::new(RunOptions::new()?);
        Ok(Self { handle, inputs, _output_values: values, outputs: buffers, memory, options, session })
    }

    /// The session.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// With which a run can be ended from another thread.
    pub fn options(&self) -> &Arc<RunOptions<NoSelectedOutputs>> {
        &self.options
    }

    /// Runs once; the inputs have the specs' order, types and lengths (the caller has checked).
    pub fn run(&mut self, inputs: &[TensorView]) -> ort::Result<()> {
        debug_assert_eq!(inputs.len(), self.inputs.len());
        for (input, view) in self.inputs.iter_mut().zip(inputs) {
            debug_assert_eq!(view.bytes(), input.bound.bytes);
            let data = view.as_ptr();
            let value = match input.value.take().filter(|(at, _)| *at == data) {
                Some(kept) => kept,
                // SAFETY: the view has the spec's bytes and outlives this run; a later run uses the value only where the
                // caller lends the same memory again.
                None => (data, unsafe { Value::over(&self.memory, &input.bound, data) }?),
            };
            // Binding anew is what brings changed inputs to a device.
            // SAFETY: all three are alive; the binding keeps its own hold on the value.
            check(unsafe {
                (ort::api().BindInput)(self.handle.0.as_ptr(), input.bound.name.as_ptr(), value.1.0.as_ptr())
            })?;
            input.value = Some(value);
        }
        // SAFETY: session, options and binding are alive; nobody else runs this session, for `self` is borrowed.
        check(unsafe {
            (ort::api().RunWithBinding)(self.session.ptr().cast_mut(), self.options.ptr(), self.handle.0.as_ptr())
        })
    }

    /// The outputs of the last run, in the specs' order.
    pub fn outputs(&self) -> &[TensorData] {
        &self.outputs
    }
}
