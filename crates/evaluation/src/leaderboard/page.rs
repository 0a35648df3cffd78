//! The score as a part of `report.html`.

use std::fmt::Write;

use super::infraction::InfractionKind;
use super::sum::Sum;
use crate::report::escaped;

/// Tables of scores and infractions, one a release; the routes of all must be the same.
pub fn section(sums: &[Sum]) -> String {
    let mut out = String::from(
        "<h2>Score as CARLA's leaderboard has it</h2><table><tr><th>release</th><th>route</th><th>status</th>\
         <th>driving score</th><th>route completion, %</th><th>penalty</th><th>infractions</th></tr>",
    );
    for sum in sums {
        for route in &sum.routes {
            // Writing to a String cannot fail.
            let _ = write!(
                out,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{:.3}</td><td>{:.2}</td><td>{:.4}</td><td>{}</td></tr>",
                sum.leaderboard,
                escaped(&route.route_id),
                escaped(&route.status),
                route.score_composed,
                route.score_route,
                route.score_penalty,
                route.num_infractions
            );
        }
        let _ = write!(
            out,
            "<tr><th>{}</th><th>all</th><th>{}</th><th>{:.3}</th><th>{:.2}</th><th>{:.4}</th><th></th></tr>",
            sum.leaderboard,
            escaped(&sum.status),
            sum.scores_mean.score_composed,
            sum.scores_mean.score_route,
            sum.scores_mean.score_penalty
        );
    }
    out.push_str("</table>");
    let Some(sum) = sums.last() else { return out };
    out.push_str("<h2>Infractions</h2><table><tr><th>route</th><th>kind</th>");
    let _ = write!(out, "<th>weight in {}</th><th>what</th></tr>", sum.leaderboard);
    for route in &sum.routes {
        for kind in InfractionKind::ALL {
            for message in route.infractions.get(kind.name()).into_iter().flatten() {
                let weight =
                    sum.leaderboard.weight(kind).map_or("by share, or ends the route".into(), |w| w.to_string());
                let _ = write!(
                    out,
                    "<tr><td>{}</td><td>{}</td><td>{weight}</td><td>{}</td></tr>",
                    escaped(&route.route_id),
                    kind.name(),
                    escaped(message)
                );
            }
        }
    }
    out.push_str("</table>");
    out
}
