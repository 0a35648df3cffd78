//! CDR, version 1 (XCDR1), as ROS 2 has it on the wire: a four-byte encapsulation header, then fields aligned to
//! their size relative to the first byte behind the header. Source: OMG DDS-XTypes 1.3, 7.4.1.

use serde::{Deserialize, Serialize};

use crate::Message;

/// Why bytes are no message, or a message cannot become bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CdrError {
    /// The bytes end before the message does.
    #[error("CDR ends early: {needed} more bytes expected at offset {offset}, {left} left")]
    EndsEarly {
        /// Where, counted from the header's end.
        offset: usize,
        /// Bytes needed.
        needed: usize,
        /// Bytes there are.
        left: usize,
    },
    /// Bytes follow the message.
    #[error("CDR goes on for {0} bytes behind the message; is it of this type?")]
    TrailingBytes(usize),
    /// The encapsulation header names no plain CDR.
    #[error("encapsulation header {0:02x?}: expected 00 00 (big endian) or 00 01 (little endian)")]
    Encapsulation([u8; 2]),
    /// A string is not UTF-8 or does not end in NUL.
    #[error("string at offset {0} is not UTF-8 that ends in NUL")]
    String(usize),
    /// A bool is neither 0 nor 1.
    #[error("bool at offset {offset} is {value}, expected 0 or 1")]
    Bool {
        /// Where.
        offset: usize,
        /// What came.
        value: u8,
    },
    /// A sequence or string is longer than its type allows.
    #[error("{field} has {found} elements, at most {bound} are allowed")]
    Bound {
        /// Type and field.
        field: &'static str,
        /// Elements there are.
        found: usize,
        /// Elements allowed.
        bound: usize,
    },
    /// A sequence is longer than CDR can say.
    #[error("a sequence of {0} elements is longer than CDR's 32-bit length")]
    TooLong(usize),
}

/// A UTF-16 string on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WString(pub String);

impl WString {
    /// Length in UTF-16 code units.
    pub fn len(&self) -> usize {
        self.0.encode_utf16().count()
    }

    /// Whether it has no character.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Appends CDR, little endian, to a buffer.
pub struct Writer<'a> {
    buffer: &'a mut Vec<u8>,
    origin: usize,
}

impl Writer<'_> {
    fn align(&mut self, size: usize) {
        let position = self.buffer.len() - self.origin;
        self.buffer.resize(self.origin + position.next_multiple_of(size), 0);
    }

    fn length(&mut self, count: usize) -> Result<(), CdrError> {
        u32::try_from(count).map_err(|_| CdrError::TooLong(count))?.put(self)
    }
}

/// Reads CDR of either byte order.
pub struct Reader<'a> {
    body: &'a [u8],
    at: usize,
    big_endian: bool,
}

impl<'a> Reader<'a> {
    fn align(&mut self, size: usize) {
        self.at = self.at.next_multiple_of(size);
    }

    fn left(&self) -> usize {
        self.body.len().saturating_sub(self.at)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], CdrError> {
        if count > self.left() {
            return Err(CdrError::EndsEarly { offset: self.at, needed: count, left: self.left() });
        }
        let bytes = &self.body[self.at..self.at + count];
        self.at += count;
        Ok(bytes)
    }
}

/// Anything that has a place in a message.
pub trait Field: Sized {
    /// The value of a field that nobody set.
    fn zero() -> Self;
    /// Writes the value.
    ///
    /// # Errors
    /// [`CdrError`] where the value breaks a bound.
    fn put(&self, w: &mut Writer<'_>) -> Result<(), CdrError>;
    /// Reads a value.
    ///
    /// # Errors
    /// [`CdrError`] where the bytes are no such value.
    fn get(r: &mut Reader<'_>) -> Result<Self, CdrError>;

    /// Writes many values in a row; primitives move as one block.
    ///
    /// # Errors
    /// As for [`Field::put`].
    fn put_all(items: &[Self], w: &mut Writer<'_>) -> Result<(), CdrError> {
        items.iter().try_for_each(|item| item.put(w))
    }

    /// Reads `count` values in a row; primitives move as one block.
    ///
    /// # Errors
    /// As for [`Field::get`].
    fn get_all(count: usize, r: &mut Reader<'_>) -> Result<Vec<Self>, CdrError> {
        // Every value takes a byte at least, so a length beyond the bytes that are left is a lie.
        if count > r.left() {
            return Err(CdrError::EndsEarly { offset: r.at, needed: count, left: r.left() });
        }
        let mut items = Vec::with_capacity(count.min(1024));
        for _ in 0..count {
            items.push(Self::get(r)?);
        }
        Ok(items)
    }
}

macro_rules! primitive {
    ($($type:ty)*) => {$(
        impl Field for $type {
            fn zero() -> Self { Self::default() }

            fn put(&self, w: &mut Writer<'_>) -> Result<(), CdrError> {
                w.align(size_of::<Self>());
                w.buffer.extend_from_slice(&self.to_le_bytes());
                Ok(())
            }

            fn get(r: &mut Reader<'_>) -> Result<Self, CdrError> {
                r.align(size_of::<Self>());
                let bytes = r.take(size_of::<Self>())?.try_into().expect("take gives as many bytes as asked");
                Ok(if r.big_endian { Self::from_be_bytes(bytes) } else { Self::from_le_bytes(bytes) })
            }

            fn put_all(items: &[Self], w: &mut Writer<'_>) -> Result<(), CdrError> {
                if items.is_empty() {
                    return Ok(());
                }
                w.align(size_of::<Self>());
                let start = w.buffer.len();
                w.buffer.resize(start + size_of_val(items), 0);
                for (place, item) in w.buffer[start..].chunks_exact_mut(size_of::<Self>()).zip(items) {
                    place.copy_from_slice(&item.to_le_bytes());
                }
                Ok(())
            }

            fn get_all(count: usize, r: &mut Reader<'_>) -> Result<Vec<Self>, CdrError> {
                if count == 0 {
                    return Ok(Vec::new());
                }
                r.align(size_of::<Self>());
                let bytes = r.take(count.saturating_mul(size_of::<Self>()))?.chunks_exact(size_of::<Self>());
                let value = |b: &[u8]| b.try_into().expect("chunks have the size of the type");
                Ok(if r.big_endian {
                    bytes.map(|b| Self::from_be_bytes(value(b))).collect()
                } else {
                    bytes.map(|b| Self::from_le_bytes(value(b))).collect()
                })
            }
        }
    )*};
}

primitive!(i8 i16 u16 i32 u32 i64 u64 f32 f64);

impl Field for u8 {
    fn zero() -> Self {
        0
    }

    fn put(&self, w: &mut Writer<'_>) -> Result<(), CdrError> {
        w.buffer.push(*self);
        Ok(())
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, CdrError> {
        Ok(r.take(1)?[0])
    }

    fn put_all(items: &[Self], w: &mut Writer<'_>) -> Result<(), CdrError> {
        w.buffer.extend_from_slice(items);
        Ok(())
    }

    fn get_all(count: usize, r: &mut Reader<'_>) -> Result<Vec<Self>, CdrError> {
        Ok(r.take(count)?.to_vec())
    }
}

impl Field for bool {
    fn zero() -> Self {
        false
    }

    fn put(&self, w: &mut Writer<'_>) -> Result<(), CdrError> {
        u8::from(*self).put(w)
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, CdrError> {
        let offset = r.at;
        match u8::get(r)? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(CdrError::Bool { offset, value }),
        }
    }
}

impl Field for String {
    fn zero() -> Self {
        Self::new()
    }

    fn put(&self, w: &mut Writer<'_>) -> Result<(), CdrError> {
        w.length(self.len() + 1)?;
        w.buffer.extend_from_slice(self.as_bytes());
        w.buffer.push(0);
        Ok(())
    }

    /// A length of zero, which some writers send for the empty string, is taken as such.
    fn get(r: &mut Reader<'_>) -> Result<Self, CdrError> {
        let count = u32::get(r)? as usize;
        let offset = r.at;
        match r.take(count)? {
            [] => Ok(Self::new()),
            [text @ .., 0] => std::str::from_utf8(text).map(Into::into).map_err(|_| CdrError::String(offset)),
            _ => Err(CdrError::String(offset)),
        }
    }
}

impl Field for WString {
    fn zero() -> Self {
        Self::default()
    }

    fn put(&self, w: &mut Writer<'_>) -> Result<(), CdrError> {
        let units: Vec<u16> = self.0.encode_utf16().collect();
        w.length(units.len())?;
        u16::put_all(&units, w)
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, CdrError> {
        let count = u32::get(r)? as usize;
        let offset = r.at;
        let units = u16::get_all(count, r)?;
        String::from_utf16(&units).map(Self).map_err(|_| CdrError::String(offset))
    }
}

impl<T: Field, const N: usize> Field for [T; N] {
    fn zero() -> Self {
        std::array::from_fn(|_| T::zero())
    }

    fn put(&self, w: &mut Writer<'_>) -> Result<(), CdrError> {
        T::put_all(self, w)
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, CdrError> {
        let items = T::get_all(N, r)?;
        Ok(items.try_into().unwrap_or_else(|_| unreachable!("get_all gives as many values as asked")))
    }
}

impl<T: Field> Field for Vec<T> {
    fn zero() -> Self {
        Self::new()
    }

    fn put(&self, w: &mut Writer<'_>) -> Result<(), CdrError> {
        w.length(self.len())?;
        T::put_all(self, w)
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, CdrError> {
        let count = u32::get(r)? as usize;
        T::get_all(count, r)
    }
}

/// Refuses more elements than a type allows.
pub(crate) fn check_bound(field: &'static str, found: usize, bound: usize) -> Result<(), CdrError> {
    if found > bound { Err(CdrError::Bound { field, found, bound }) } else { Ok(()) }
}

/// The message as CDR, little endian, header included.
///
/// # Errors
/// [`CdrError`] where the value breaks a bound of its type.
pub fn to_cdr<M: Message>(message: &M) -> Result<Vec<u8>, CdrError> {
    let mut buffer = Vec::new();
    to_cdr_into(message, &mut buffer)?;
    Ok(buffer)
}

/// Appends the message as CDR, little endian, header included.
///
/// # Errors
/// [`CdrError`] where the value breaks a bound of its type.
pub fn to_cdr_into<M: Message>(message: &M, buffer: &mut Vec<u8>) -> Result<(), CdrError> {
    buffer.extend_from_slice(&[0, 1, 0, 0]);
    let origin = buffer.len();
    message.put(&mut Writer { buffer, origin })
}

/// A message from CDR of either byte order, header included. Up to three bytes of padding may follow.
///
/// # Errors
/// [`CdrError`] where the bytes are no such message.
pub fn from_cdr<M: Message>(bytes: &[u8]) -> Result<M, CdrError> {
    let (header, body) =
        bytes.split_at_checked(4).ok_or(CdrError::EndsEarly { offset: 0, needed: 4, left: bytes.len() })?;
    let big_endian = match header[..2] {
        [0, 0] => true,
        [0, 1] => false,
        _ => return Err(CdrError::Encapsulation([header[0], header[1]])),
    };
    let mut reader = Reader { body, at: 0, big_endian };
    let message = M::get(&mut reader)?;
    if reader.left() > 3 { Err(CdrError::TrailingBytes(reader.left())) } else { Ok(message) }
}
