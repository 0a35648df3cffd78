//! Lateral model predictive control: linearised kinematic bicycle about the path, steering with first-order lag.

use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettingsBuilder, DefaultSolver, IPSolver, NonnegativeConeT, SolverStatus};

/// Steps of the horizon.
pub const STEPS: usize = 20;
/// Length of a step, s.
pub const STEP_S: f64 = 0.1;

/// Weights and limits.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Cost of lateral error, 1/m².
    pub lateral: f64,
    /// Cost of heading error, 1/rad².
    pub heading: f64,
    /// Cost of leaving the feedforward steering, 1/rad².
    pub steering: f64,
    /// Cost of a step in the command, 1/rad².
    pub steering_change: f64,
    /// Front axle to rear axle, m.
    pub wheelbase_m: f64,
    /// First-order time constant of the steering, s.
    pub time_constant_s: f64,
    /// Largest steering angle, rad.
    pub max_steering_rad: f64,
    /// Largest steering rate, rad/s.
    pub max_rate_radps: f64,
}

/// Deviation from the path.
#[derive(Debug, Clone, Copy)]
pub struct Deviation {
    /// Lateral error, m, left positive.
    pub lateral_m: f64,
    /// Heading error, rad, left positive.
    pub heading_rad: f64,
    /// Steering angle, rad.
    pub steering_rad: f64,
}

/// The first steering command (rad) of the best sequence, or why there is none.
///
/// `path` holds speed (m/s) and path curvature (1/m) in each step; `last_rad` is the command before. Condensed to the
/// commands alone: [`STEPS`] variables. Source: Rajamani, Vehicle Dynamics and Control, 2.5 (error coordinates).
///
/// # Errors
/// A text, where an input is not finite or the solver does not converge.
pub fn solve(settings: &Settings, start: Deviation, path: &[(f64, f64); STEPS], last_rad: f64) -> Result<f64, String> {
    let inputs = [start.lateral_m, start.heading_rad, start.steering_rad, last_rad];
    if !inputs.iter().chain(path.iter().flat_map(|(v, k)| [v, k])).all(|value| value.is_finite()) {
        return Err("steering: expected finite errors, speeds and curvatures".into());
    }
    let keep = (-STEP_S / settings.time_constant_s).exp();
    let mut hessian = [[0.0; STEPS]; STEPS];
    let mut gradient = [0.0; STEPS];
    // Free response and its derivatives by each command: lateral, heading, steering.
    let mut free = [start.lateral_m, start.heading_rad, start.steering_rad];
    let mut by = [[0.0; 3]; STEPS];
    for (k, &(speed, curvature)) in path.iter().enumerate() {
        let feedforward = (curvature * settings.wheelbase_m).atan();
        let slope = 1.0 / (feedforward.cos().powi(2) * settings.wheelbase_m);
        let advance = |x: [f64; 3], command: f64, offset: f64| {
            let steering = keep * x[2] + (1.0 - keep) * command;
            let turn = STEP_S * speed * slope * ((x[2] + steering) / 2.0 - offset);
            [x[0] + STEP_S * speed * (x[1] + turn / 2.0), x[1] + turn, steering]
        };
        free = advance(free, 0.0, feedforward);
        for (j, column) in by.iter_mut().enumerate().take(k + 1) {
            *column = advance(*column, f64::from(u8::from(j == k)), 0.0);
        }
        for i in 0..=k {
            gradient[i] += settings.lateral * by[i][0] * free[0] + settings.heading * by[i][1] * free[1];
            for j in i..=k {
                hessian[i][j] += settings.lateral * by[i][0] * by[j][0] + settings.heading * by[i][1] * by[j][1];
            }
        }
        hessian[k][k] += settings.steering + settings.steering_change;
        gradient[k] -= settings.steering * feedforward;
        if k == 0 {
            gradient[0] -= settings.steering_change * last_rad;
        } else {
            hessian[k - 1][k - 1] += settings.steering_change;
            hessian[k - 1][k] -= settings.steering_change;
        }
    }
    minimise(settings, &hessian, &gradient, last_rad)
}

fn minimise(
    settings: &Settings,
    hessian: &[[f64; STEPS]; STEPS],
    gradient: &[f64; STEPS],
    last_rad: f64,
) -> Result<f64, String> {
    let (mut rows, mut columns, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for (i, row) in hessian.iter().enumerate() {
        for (j, &value) in row.iter().enumerate().skip(i) {
            rows.push(i);
            columns.push(j);
            values.push(value);
        }
    }
    let cost = CscMatrix::new_from_triplets(STEPS, STEPS, rows, columns, values);
    let (mut rows, mut columns, mut values, mut bounds) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for k in 0..STEPS {
        for sign in [1.0, -1.0] {
            rows.push(bounds.len());
            columns.push(k);
            values.push(sign);
            bounds.push(settings.max_steering_rad);
            rows.push(bounds.len());
            columns.push(k);
            values.push(sign);
            if k > 0 {
                rows.push(bounds.len());
                columns.push(k - 1);
                values.push(-sign);
            }
            bounds.push(settings.max_rate_radps * STEP_S + if k == 0 { sign * last_rad } else { 0.0 });
        }
    }
    let limits = CscMatrix::new_from_triplets(bounds.len(), STEPS, rows, columns, values);
    let cones = [NonnegativeConeT(bounds.len())];
    let solver_settings = DefaultSettingsBuilder::default()
        .verbose(false)
        .max_iter(30)
        .build()
        .map_err(|error| format!("steering solver settings: {error}"))?;
    let mut solver = DefaultSolver::new(&cost, gradient, &limits, &bounds, &cones, solver_settings)
        .map_err(|error| format!("steering solver: {error}"))?;
    solver.solve();
    match solver.solution.status {
        SolverStatus::Solved | SolverStatus::AlmostSolved => Ok(solver.solution.x[0]),
        status => Err(format!("steering: expected a solution, the solver ended with {status:?}")),
    }
}
