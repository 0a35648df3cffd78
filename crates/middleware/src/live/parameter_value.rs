//! Parameters as files have them and as services have them.

use msgs::rcl_interfaces::msg::{ParameterType, ParameterValue};
use serde_json::{Map, Number, Value};

/// The value for a service. What ROS 2 has no type for (lists of mappings) goes as its JSON text.
pub(super) fn to_ros(value: &Value) -> ParameterValue {
    let mut ros = ParameterValue::default();
    match value {
        Value::Null => ros.type_ = ParameterType::PARAMETER_NOT_SET,
        Value::Bool(flag) => (ros.type_, ros.bool_value) = (ParameterType::PARAMETER_BOOL, *flag),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => (ros.type_, ros.integer_value) = (ParameterType::PARAMETER_INTEGER, whole),
            None => {
                (ros.type_, ros.double_value) = (ParameterType::PARAMETER_DOUBLE, number.as_f64().unwrap_or(f64::NAN))
            }
        },
        Value::String(text) => (ros.type_, ros.string_value) = (ParameterType::PARAMETER_STRING, text.clone()),
        Value::Array(items) => list(value, items, &mut ros),
        Value::Object(_) => (ros.type_, ros.string_value) = (ParameterType::PARAMETER_STRING, value.to_string()),
    }
    ros
}

fn list(value: &Value, items: &[Value], ros: &mut ParameterValue) {
    let all = |is: fn(&Value) -> bool| !items.is_empty() && items.iter().all(is);
    if all(Value::is_boolean) {
        ros.type_ = ParameterType::PARAMETER_BOOL_ARRAY;
        ros.bool_array_value = items.iter().filter_map(Value::as_bool).collect();
    } else if all(Value::is_i64) {
        ros.type_ = ParameterType::PARAMETER_INTEGER_ARRAY;
        ros.integer_array_value = items.iter().filter_map(Value::as_i64).collect();
    } else if all(Value::is_number) {
        ros.type_ = ParameterType::PARAMETER_DOUBLE_ARRAY;
        ros.double_array_value = items.iter().filter_map(Value::as_f64).collect();
    } else if items.iter().all(Value::is_string) {
        ros.type_ = ParameterType::PARAMETER_STRING_ARRAY;
        ros.string_array_value = items.iter().filter_map(Value::as_str).map(Into::into).collect();
    } else {
        (ros.type_, ros.string_value) = (ParameterType::PARAMETER_STRING, value.to_string());
    }
}

/// The value of a service's request, for a parameter that now is `old`.
///
/// # Errors
/// What was expected and what came.
pub(super) fn from_ros(ros: &ParameterValue, old: &Value) -> Result<Value, String> {
    let double = |number: f64| {
        Number::from_f64(number).map(Value::Number).ok_or_else(|| format!("expected a finite number, got {number}"))
    };
    let new = match ros.type_ {
        ParameterType::PARAMETER_BOOL => Value::Bool(ros.bool_value),
        ParameterType::PARAMETER_INTEGER => Value::from(ros.integer_value),
        ParameterType::PARAMETER_DOUBLE => double(ros.double_value)?,
        ParameterType::PARAMETER_STRING => Value::String(ros.string_value.clone()),
        ParameterType::PARAMETER_BOOL_ARRAY => Value::from(ros.bool_array_value.clone()),
        ParameterType::PARAMETER_INTEGER_ARRAY => Value::from(ros.integer_array_value.clone()),
        ParameterType::PARAMETER_DOUBLE_ARRAY => {
            Value::Array(ros.double_array_value.iter().map(|n| double(*n)).collect::<Result<_, _>>()?)
        }
        ParameterType::PARAMETER_STRING_ARRAY => Value::from(ros.string_array_value.clone()),
        ParameterType::PARAMETER_NOT_SET => return Err("it cannot be unset".into()),
        other => return Err(format!("parameter type {other} is not known here")),
    };
    let same = match (old, &new) {
        // A whole number is written without its point in files.
        (Value::Number(_), Value::Number(_)) => true,
        (Value::Object(_), _) => false,
        _ => std::mem::discriminant(old) == std::mem::discriminant(&new),
    };
    if same { Ok(new) } else { Err(format!("expected a value like {old}, got {new}")) }
}

/// Sets a parameter by its dotted name, where there is one of that name.
pub(super) fn assign(values: &mut Map<String, Value>, name: &str, new: Value) -> bool {
    if let Some(value) = values.get_mut(name) {
        *value = new;
        return true;
    }
    let inner = name.split_once('.').and_then(|(key, rest)| Some((values.get_mut(key)?.as_object_mut()?, rest)));
    inner.is_some_and(|(inner, rest)| assign(inner, rest, new))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_keep_their_type_both_ways() {
        for value in
            [json!(true), json!(3), json!(2.5), json!("a"), json!([1, 2]), json!([1.5]), json!(["a"]), json!([false])]
        {
            assert_eq!(from_ros(&to_ros(&value), &value).unwrap(), value);
        }
        assert!(from_ros(&to_ros(&json!("a")), &json!(1.0)).unwrap_err().contains("like 1.0"));
        let nan = ParameterValue { double_value: f64::NAN, ..to_ros(&json!(2.5)) };
        assert!(from_ros(&nan, &json!(1.0)).is_err());
    }

    #[test]
    fn parameters_are_set_by_dotted_names() {
        let mut values = json!({"a": {"b": {"c": 1}, "d": 2}}).as_object().cloned().unwrap();
        assert!(assign(&mut values, "a.b.c", json!(5)) && !assign(&mut values, "a.x", json!(5)));
        assert_eq!(values["a"]["b"]["c"], json!(5));
    }
}
