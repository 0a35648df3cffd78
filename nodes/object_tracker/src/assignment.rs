use pathfinding::kuhn_munkres::kuhn_munkres;
use pathfinding::matrix::Matrix;

/// Pairs rows with columns at least total cost, where `cost` gives `None` for pairs that must not be.
///
/// A pair costs less than `limit`, or it is not made: leaving both alone costs `limit`. Deterministic: costs are
/// compared as thousandths. Cost O(n³) in the larger count.
pub fn assign(
    rows: usize,
    columns: usize,
    limit: f64,
    cost: impl Fn(usize, usize) -> Option<f64>,
) -> Vec<(usize, usize)> {
    if rows == 0 || columns == 0 {
        return Vec::new();
    }
    let gain = |row: usize, column: usize| match cost(row, column) {
        Some(cost) if cost < limit => ((limit - cost) * 1000.0) as i64 + 1,
        _ => 0,
    };
    // The solver wants at least as many columns as rows.
    let turned = rows > columns;
    let weights = if turned {
        Matrix::from_fn(columns, rows, |(column, row)| gain(row, column))
    } else {
        Matrix::from_fn(rows, columns, |(row, column)| gain(row, column))
    };
    let (_, partner) = kuhn_munkres(&weights);
    let mut pairs: Vec<(usize, usize)> = partner
        .into_iter()
        .enumerate()
        .filter(|&(i, j)| weights[(i, j)] > 0)
        .map(|(i, j)| if turned { (j, i) } else { (i, j) })
        .collect();
    pairs.sort_unstable();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_least_total_and_leaves_out_what_is_gated() {
        let costs = [[1.0, 2.0, 90.0], [1.5, 9.0, 90.0]];
        let pairs = assign(2, 3, 14.0, |r, c| Some(costs[r][c]));
        assert_eq!(pairs, [(0, 1), (1, 0)]);
        let turned = assign(3, 2, 14.0, |r, c| Some(costs[c][r]));
        assert_eq!(turned, [(0, 1), (1, 0)]);
        assert!(assign(2, 2, 14.0, |_, _| None).is_empty());
        assert!(assign(0, 2, 14.0, |_, _| Some(1.0)).is_empty());
        assert!(assign(1, 1, 14.0, |_, _| Some(f64::NAN)).is_empty());
    }
}
