//! The six parameter services of a node, and `/parameter_events`.
//!
//! Nodes read parameters when they are made, so a parameter is settable while the node is not configured and refused,
//! with the reason, at any other time.

use std::sync::Arc;

use msgs::rcl_interfaces::msg::{
    FloatingPointRange, IntegerRange, ListParametersResult, Parameter, ParameterDescriptor, ParameterEvent,
    ParameterType, SetParametersResult,
};
use msgs::rcl_interfaces::srv::{
    DescribeParameters, DescribeParametersResponse, GetParameterTypes, GetParameterTypesResponse, GetParameters,
    GetParametersResponse, ListParameters, ListParametersResponse, SetParameters, SetParametersAtomically,
    SetParametersAtomicallyResponse, SetParametersResponse,
};
use node::{MessageType, Time, flatten};
use serde_json::{Map, Value};
use tokio::sync::Notify;

use super::citizen::Declared;
use super::parameter_value::{assign, from_ros, to_ros};
use super::service::{Server, ServiceError};
use crate::backend::{Backend, BackendError, Publisher};
use crate::ros::type_hash_user_data;

/// Why a parameter cannot be set now.
const NOT_NOW: &str = "it is read when the node is configured: deactivate and clean up the node, set it, then configure \
                       and activate, or start the node with -p";

pub(super) struct ParameterServices {
    node: String,
    values: Map<String, Value>,
    declared: Vec<Declared>,
    get: Server<GetParameters>,
    types: Server<GetParameterTypes>,
    set: Server<SetParameters>,
    set_atomically: Server<SetParametersAtomically>,
    describe: Server<DescribeParameters>,
    list: Server<ListParameters>,
    events: Arc<dyn Publisher>,
}

impl ParameterServices {
    pub fn new(
        values: Map<String, Value>,
        declared: Vec<Declared>,
        backend: &dyn Backend,
        node: &str,
        asked: &Arc<Notify>,
    ) -> Result<Self, BackendError> {
        let message = MessageType::of::<ParameterEvent>();
        let qos = dds::Qos {
            history: dds::History::KeepLast(1000),
            user_data: type_hash_user_data(message.hash),
            ..dds::Qos::default()
        };
        Ok(Self {
            node: format!("/{}", node.trim_start_matches('/')),
            values,
            declared,
            get: Server::new(backend, node, "get_parameters", asked)?,
            types: Server::new(backend, node, "get_parameter_types", asked)?,
            set: Server::new(backend, node, "set_parameters", asked)?,
            set_atomically: Server::new(backend, node, "set_parameters_atomically", asked)?,
            describe: Server::new(backend, node, "describe_parameters", asked)?,
            list: Server::new(backend, node, "list_parameters", asked)?,
            events: backend.publisher(node, "/parameter_events", message, &qos)?,
        })
    }

    /// The values, as in parameter files.
    pub fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// Answers all that waits. `mutable`: whether values may be set now.
    pub fn answer(&mut self, mutable: bool, now: Time) -> Result<(), ServiceError> {
        while let Some((request, answer)) = self.get.take()? {
            // Of an unknown name ROS 2 says "not set".
            let values = request.names.iter().map(|name| to_ros(&self.value(name).unwrap_or(Value::Null))).collect();
            answer.send(&GetParametersResponse { values })?;
        }
        while let Some((request, answer)) = self.types.take()? {
            let kind = |name: &String| to_ros(&self.value(name).unwrap_or(Value::Null)).type_;
            answer.send(&GetParameterTypesResponse { types: request.names.iter().map(kind).collect() })?;
        }
        while let Some((request, answer)) = self.describe.take()? {
            let descriptors = request.names.iter().map(|name| self.descriptor(name)).collect();
            answer.send(&DescribeParametersResponse { descriptors })?;
        }
        while let Some((request, answer)) = self.list.take()? {
            answer.send(&ListParametersResponse { result: self.names(&request.prefixes, request.depth) })?;
        }
        while let Some((request, answer)) = self.set.take()? {
            let results =
                request.parameters.iter().map(|p| self.set_all(std::slice::from_ref(p), mutable, now)).collect();
            answer.send(&SetParametersResponse { results })?;
        }
        while let Some((request, answer)) = self.set_atomically.take()? {
            let result = self.set_all(&request.parameters, mutable, now);
            answer.send(&SetParametersAtomicallyResponse { result })?;
        }
        Ok(())
    }

    fn value(&self, name: &str) -> Option<Value> {
        flatten(&self.values).into_iter().find(|(of, _)| of == name).map(|(_, value)| value)
    }

    fn known(&self, name: &str) -> Declared {
        if let Some(declared) = self.declared.iter().find(|declared| declared.name == name) {
            return declared.clone();
        }
        // Of one within a mapping on one line, what is said of the mapping; but its range is not theirs.
        match name.rsplit_once('.') {
            Some((outer, _)) => Declared { range: None, ..self.known(outer) },
            None => Declared::default(),
        }
    }

    fn descriptor(&self, name: &str) -> ParameterDescriptor {
        let Some(value) = self.value(name) else {
            return ParameterDescriptor { name: name.into(), ..ParameterDescriptor::default() };
        };
        let known = self.known(name);
        let mut descriptor = ParameterDescriptor {
            name: name.into(),
            type_: to_ros(&value).type_,
            description: known.description,
            additional_constraints: if known.fixed { String::new() } else { NOT_NOW.into() },
            read_only: known.fixed,
            ..ParameterDescriptor::default()
        };
        match (known.range, descriptor.type_) {
            (Some((from_value, to_value)), ParameterType::PARAMETER_DOUBLE) => {
                descriptor.floating_point_range.push(FloatingPointRange { from_value, to_value, step: 0.0 });
            }
            (Some((from, to)), ParameterType::PARAMETER_INTEGER) if from.fract() == 0.0 && to.fract() == 0.0 => {
                descriptor.integer_range.push(IntegerRange { from_value: from as i64, to_value: to as i64, step: 1 });
            }
            _ => {}
        }
        descriptor
    }

    fn names(&self, prefixes: &[String], depth: u64) -> ListParametersResult {
        let mut result = ListParametersResult::default();
        for (name, _) in flatten(&self.values) {
            let wanted = |prefix: &String| {
                let rest = name.strip_prefix(prefix.as_str())?;
                let inner = rest.strip_prefix('.').unwrap_or(rest);
                (rest.is_empty() || rest.starts_with('.')).then(|| inner.matches('.').count() as u64 + 1)
            };
            let levels = if prefixes.is_empty() {
                Some(name.matches('.').count() as u64 + 1)
            } else {
                prefixes.iter().filter_map(wanted).min()
            };
            if levels.is_some_and(|levels| depth == 0 || levels <= depth) {
                if let Some((prefix, _)) = name.rsplit_once('.')
                    && !result.prefixes.iter().any(|known| known == prefix)
                {
                    result.prefixes.push(prefix.into());
                }
                result.names.push(name);
            }
        }
        result
    }

    /// Sets all or none.
    fn set_all(&mut self, parameters: &[Parameter], mutable: bool, now: Time) -> SetParametersResult {
        let mut changed = self.values.clone();
        for parameter in parameters {
            if let Err(reason) = self.check(parameter, mutable).map(|new| assign(&mut changed, &parameter.name, new)) {
                let reason = format!("parameter {} of {}: {reason}", parameter.name, self.node);
                return SetParametersResult { successful: false, reason };
            }
        }
        self.values = changed;
        let event = ParameterEvent {
            stamp: now.to_message(),
            node: self.node.clone(),
            changed_parameters: parameters.to_vec(),
            ..ParameterEvent::default()
        };
        let sent = msgs::to_cdr(&event)
            .map_err(|e| e.to_string())
            .and_then(|cdr| tokio::task::block_in_place(|| self.events.publish(&cdr)).map_err(|e| e.to_string()));
        if let Err(error) = sent {
            tracing::warn!("parameter event: {error}");
        }
        SetParametersResult { successful: true, reason: String::new() }
    }

    fn check(&self, parameter: &Parameter, mutable: bool) -> Result<Value, String> {
        let Some(old) = self.value(&parameter.name) else {
            return Err("there is none of that name".into());
        };
        let new = from_ros(&parameter.value, &old)?;
        if let (Some((least, most)), Some(number)) = (self.known(&parameter.name).range, new.as_f64())
            && !(number >= least && number <= most)
        {
            return Err(format!("expected {least} to {most}, got {number}"));
        }
        if self.known(&parameter.name).fixed && new != old {
            return Err("it is read when the process starts: start it anew with -p".into());
        }
        if mutable || new == old { Ok(new) } else { Err(NOT_NOW.into()) }
    }
}
