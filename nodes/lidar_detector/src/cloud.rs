use msgs::sensor_msgs::msg::{PointCloud2, PointField};

/// A time offset beyond this is no part of one sweep, s.
const MAX_TIME_OFFSET_S: f64 = 1.0;

/// One LiDAR return.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Position in the frame of the cloud, m.
    pub position: [f64; 3],
    /// Strength of the return in the sensor's own unit; 0 where the sensor gives none.
    pub intensity: f64,
    /// When it was measured, seconds after the stamp of the cloud (before it: negative); 0 where the sensor gives none.
    pub time_s: f64,
}

/// The usable points of a message, in its order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cloud {
    /// The points.
    pub points: Vec<Point>,
    /// How many were left out: a coordinate or a time that is not finite, or a time more than 1 s from the stamp.
    pub dropped: usize,
}

/// Why a message is no point cloud.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudError {
    /// A coordinate is missing.
    #[error("point cloud: expected fields x, y and z, got {got:?}: publish the missing one")]
    MissingField {
        /// The fields that came.
        got: Vec<String>,
    },
    /// A field has a type that `sensor_msgs/PointField` does not know, or holds more than one value.
    #[error("point cloud: field `{name}`: expected one value of datatype 1 to 8, got {count} of datatype {datatype}")]
    FieldType {
        /// The field.
        name: String,
        /// Its `datatype`.
        datatype: u8,
        /// Its `count`.
        count: u32,
    },
    /// A field reaches past its point.
    #[error("point cloud: field `{name}` ends at byte {end} of a point, expected at most point_step {point_step}")]
    FieldOutside {
        /// The field.
        name: String,
        /// Where it ends.
        end: u64,
        /// Bytes of a point.
        point_step: u32,
    },
    /// Rows are shorter than their points.
    #[error("point cloud: expected row_step of at least width * point_step = {expected}, got {got}")]
    RowStep {
        /// Bytes that a row's points take.
        expected: u64,
        /// `row_step`.
        got: u32,
    },
    /// More or fewer bytes than announced.
    #[error("point cloud: expected height * row_step = {expected} bytes of data, got {got}")]
    DataSize {
        /// Bytes announced.
        expected: u64,
        /// Bytes that came.
        got: usize,
    },
}

/// Reads a point cloud with its fields in any order, type, padding and byte order; `intensity` and `time` may be missing.
/// Costs one pass over the data.
///
/// # Errors
/// [`CloudError`] where sizes and fields contradict each other; nothing of such a message is used.
pub fn decode(message: &PointCloud2) -> Result<Cloud, CloudError> {
    let mut cloud = Cloud::default();
    cloud.read(message, |_| ())?;
    Ok(cloud)
}

impl Cloud {
    /// [`decode`] in place of what was here, in the same pass each usable point changed by `change`. Allocates nothing once
    /// it has grown.
    ///
    /// # Errors
    /// As [`decode`]; nothing is here then.
    pub fn read(&mut self, message: &PointCloud2, change: impl Fn(&mut Point)) -> Result<(), CloudError> {
        self.points.clear();
        self.dropped = 0;
        let find = |name: &str| -> Result<Option<Reader>, CloudError> {
            let field = message.fields.iter().find(|f| f.name == name);
            field.map(|f| Reader::new(f, message)).transpose()
        };
        let (Some(x), Some(y), Some(z)) = (find("x")?, find("y")?, find("z")?) else {
            return Err(CloudError::MissingField { got: message.fields.iter().map(|f| f.name.clone()).collect() });
        };
        let fields = Fields { position: [x, y, z], intensity: find("intensity")?, time: find("time")? };
        let row_size = u64::from(message.width) * u64::from(message.point_step);
        if u64::from(message.row_step) < row_size {
            return Err(CloudError::RowStep { expected: row_size, got: message.row_step });
        }
        let expected = u64::from(message.height) * u64::from(message.row_step);
        if expected != message.data.len() as u64 {
            return Err(CloudError::DataSize { expected, got: message.data.len() });
        }
        if expected == 0 || row_size == 0 {
            return Ok(());
        }
        let step = message.point_step as usize;
        self.points.reserve(message.data.len() / step);
        let rows = message.data.chunks_exact(message.row_step as usize).map(|row| &row[..row_size as usize]);
        let points = rows.flat_map(|row| row.chunks_exact(step));
        // What nearly every driver sends is read without asking each number what it is.
        if fields.all().all(Reader::is_plain_float) {
            self.take(points.map(|bytes| fields.point(bytes, Reader::plain_float)), change);
        } else {
            self.take(points.map(|bytes| fields.point(bytes, Reader::read)), change);
        }
        Ok(())
    }

    fn take(&mut self, points: impl Iterator<Item = Point>, change: impl Fn(&mut Point)) {
        for mut point in points {
            if point.position.iter().all(|v| v.is_finite()) && point.time_s.abs() <= MAX_TIME_OFFSET_S {
                change(&mut point);
                self.points.push(point);
            } else {
                self.dropped += 1;
            }
        }
    }
}

struct Fields {
    position: [Reader; 3],
    intensity: Option<Reader>,
    time: Option<Reader>,
}

impl Fields {
    fn all(&self) -> impl Iterator<Item = Reader> {
        self.position.into_iter().chain(self.intensity).chain(self.time)
    }

    #[inline]
    fn point(&self, bytes: &[u8], read: impl Fn(Reader, &[u8]) -> f64) -> Point {
        let strength = self.intensity.map_or(0.0, |reader| read(reader, bytes));
        Point {
            position: self.position.map(|reader| read(reader, bytes)),
            intensity: if strength.is_finite() { strength } else { 0.0 },
            time_s: self.time.map_or(0.0, |reader| read(reader, bytes)),
        }
    }
}

#[derive(Clone, Copy)]
struct Reader {
    offset: usize,
    datatype: u8,
    big_endian: bool,
}

impl Reader {
    fn new(field: &PointField, message: &PointCloud2) -> Result<Self, CloudError> {
        let size = match field.datatype {
            1 | 2 => 1,
            3 | 4 => 2,
            5..=7 => 4,
            8 => 8,
            _ => 0,
        };
        if size == 0 || field.count != 1 {
            let (datatype, count) = (field.datatype, field.count);
            return Err(CloudError::FieldType { name: field.name.clone(), datatype, count });
        }
        let end = u64::from(field.offset) + size;
        if end > u64::from(message.point_step) {
            return Err(CloudError::FieldOutside { name: field.name.clone(), end, point_step: message.point_step });
        }
        Ok(Self { offset: field.offset as usize, datatype: field.datatype, big_endian: message.is_bigendian })
    }

    fn is_plain_float(self) -> bool {
        self.datatype == PointField::FLOAT32 && !self.big_endian
    }

    /// [`Self::read`] where [`Self::is_plain_float`].
    #[inline]
    fn plain_float(self, point: &[u8]) -> f64 {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&point[self.offset..self.offset + 4]);
        f64::from(f32::from_le_bytes(bytes))
    }

    fn read(self, point: &[u8]) -> f64 {
        match self.datatype {
            1 => f64::from(i8::from_le_bytes(self.bytes(point))),
            2 => f64::from(u8::from_le_bytes(self.bytes(point))),
            3 => f64::from(i16::from_le_bytes(self.bytes(point))),
            4 => f64::from(u16::from_le_bytes(self.bytes(point))),
            5 => f64::from(i32::from_le_bytes(self.bytes(point))),
            6 => f64::from(u32::from_le_bytes(self.bytes(point))),
            7 => f64::from(f32::from_le_bytes(self.bytes(point))),
            _ => f64::from_le_bytes(self.bytes(point)),
        }
    }

    /// The value's bytes, least significant first.
    fn bytes<const N: usize>(self, point: &[u8]) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&point[self.offset..self.offset + N]);
        if self.big_endian {
            bytes.reverse();
        }
        bytes
    }
}
