use crate::manifest::{ElementType, TensorSpec};

/// A tensor's elements, row-major, where they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TensorView<'a> {
    /// IEEE 754 single precision.
    Float32(&'a [f32]),
    /// Signed 32 bits.
    Int32(&'a [i32]),
    /// Signed 64 bits.
    Int64(&'a [i64]),
    /// Unsigned 8 bits.
    Uint8(&'a [u8]),
}

impl<'a> TensorView<'a> {
    /// What the elements are.
    pub fn element(&self) -> ElementType {
        match self {
            Self::Float32(_) => ElementType::Float32,
            Self::Int32(_) => ElementType::Int32,
            Self::Int64(_) => ElementType::Int64,
            Self::Uint8(_) => ElementType::Uint8,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Float32(data) => data.len(),
            Self::Int32(data) => data.len(),
            Self::Int64(data) => data.len(),
            Self::Uint8(data) => data.len(),
        }
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements; none where they are of another type.
    pub fn as_f32(&self) -> &'a [f32] {
        match self {
            Self::Float32(data) => data,
            _ => &[],
        }
    }

    pub(crate) fn as_ptr(&self) -> *const u8 {
        match self {
            Self::Float32(data) => data.as_ptr().cast(),
            Self::Int32(data) => data.as_ptr().cast(),
            Self::Int64(data) => data.as_ptr().cast(),
            Self::Uint8(data) => data.as_ptr(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.len() * self.element().size()
    }
}

/// A tensor's elements, row-major, owned.
#[derive(Debug, Clone, PartialEq)]
pub enum TensorData {
    /// IEEE 754 single precision.
    Float32(Vec<f32>),
    /// Signed 32 bits.
    Int32(Vec<i32>),
    /// Signed 64 bits.
    Int64(Vec<i64>),
    /// Unsigned 8 bits.
    Uint8(Vec<u8>),
}

impl TensorData {
    /// Zeros.
    pub fn new(spec: &TensorSpec) -> Self {
        match spec.element {
            ElementType::Float32 => Self::Float32(vec![0.0; spec.len()]),
            ElementType::Int32 => Self::Int32(vec![0; spec.len()]),
            ElementType::Int64 => Self::Int64(vec![0; spec.len()]),
            ElementType::Uint8 => Self::Uint8(vec![0; spec.len()]),
        }
    }

    /// The elements, lent.
    pub fn view(&self) -> TensorView<'_> {
        match self {
            Self::Float32(data) => TensorView::Float32(data),
            Self::Int32(data) => TensorView::Int32(data),
            Self::Int64(data) => TensorView::Int64(data),
            Self::Uint8(data) => TensorView::Uint8(data),
        }
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut u8 {
        match self {
            Self::Float32(data) => data.as_mut_ptr().cast(),
            Self::Int32(data) => data.as_mut_ptr().cast(),
            Self::Int64(data) => data.as_mut_ptr().cast(),
            Self::Uint8(data) => data.as_mut_ptr(),
        }
    }
}

/// The first element that is not finite or out of the range, which is all finite numbers where none is given.
pub(crate) fn first_outside(data: &[f32], range: Option<[f32; 2]>) -> Option<usize> {
    const BLOCK: usize = 256;
    let [low, high] = range.unwrap_or([f32::MIN, f32::MAX]);
    let sound = |value: &f32| (low..=high).contains(value);
    // Without an early end within a block this takes a vector at a time.
    let bad = data.chunks(BLOCK).position(|block| !block.iter().fold(true, |ok, value| ok & sound(value)))?;
    data.iter().skip(bad * BLOCK).position(|value| !sound(value)).map(|at| bad * BLOCK + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_that_is_not_sound_is_found_wherever_it_is() {
        let mut data = vec![0.5_f32; 1000];
        assert_eq!(first_outside(&data, None), None);
        for (at, value) in [(999, f32::NAN), (700, f32::INFINITY), (256, f32::NEG_INFINITY), (0, f32::NAN)] {
            data[at] = value;
            assert_eq!(first_outside(&data, None), Some(at));
        }
        let data = [0.0, 0.5, 1.5];
        assert_eq!((first_outside(&data, Some([0.0, 1.0])), first_outside(&data, None)), (Some(2), None));
    }
}
