//! An order in which every package comes after what it owns, and the edges that would close a cycle.

/// What [`untangle`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Untangled {
    /// Every position once, dependencies before dependents.
    pub(crate) order: Vec<usize>,
    /// Edges (from, to) that close a cycle, in the order they were met.
    pub(crate) closing: Vec<(usize, usize)>,
}

/// Walks the graph depth first, from `starts` in order, then from whatever they did not reach. An edge
/// back to a package that is still being walked closes a cycle.
///
/// With its own stack, because a graph can be deeper than a thread's.
pub(crate) fn untangle(edges: &[Vec<usize>], starts: &[usize]) -> Untangled {
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Seen {
        Not,
        Walking,
        Done,
    }
    let mut seen = vec![Seen::Not; edges.len()];
    let mut found = Untangled {
        order: Vec::with_capacity(edges.len()),
        closing: Vec::new(),
    };
    let mut stack: Vec<(usize, usize)> = Vec::new();
    for start in starts.iter().copied().chain(0..edges.len()) {
        if seen[start] != Seen::Not {
            continue;
        }
        seen[start] = Seen::Walking;
        stack.push((start, 0));
        while let Some((at, next)) = stack.last_mut() {
            let Some(&to) = edges[*at].get(*next) else {
                seen[*at] = Seen::Done;
                found.order.push(*at);
                stack.pop();
                continue;
            };
            *next += 1;
            match seen[to] {
                Seen::Done => {}
                Seen::Walking => found.closing.push((*at, to)),
                Seen::Not => {
                    seen[to] = Seen::Walking;
                    stack.push((to, 0));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Untangled, untangle};

    #[test]
    fn a_diamond_has_an_order() {
        let edges = [vec![1, 2], vec![3], vec![3], vec![]];
        let found = untangle(&edges, &[0]);
        assert_eq!(
            found,
            Untangled {
                order: vec![3, 1, 2, 0],
                closing: vec![]
            }
        );
    }

    #[test]
    fn the_edge_that_closes_a_cycle_depends_on_the_start() {
        let edges = [vec![1], vec![2], vec![0, 1]];
        assert_eq!(untangle(&edges, &[0]).closing, [(2, 0), (2, 1)]);
        assert_eq!(untangle(&edges, &[1]).closing, [(0, 1), (2, 1)]);
        assert_eq!(untangle(&[vec![0]], &[]).closing, [(0, 0)]);
    }

    #[test]
    fn without_the_closing_edges_every_edge_leads_back_in_the_order() {
        // A dense graph with cycles, made by arithmetic.
        let size = 60;
        let edges: Vec<Vec<usize>> = (0..size)
            .map(|at| {
                (1..5)
                    .map(|step| (at * 7 + step * step * 11) % size)
                    .collect()
            })
            .collect();
        let found = untangle(&edges, &[5, 17]);
        let mut place = vec![usize::MAX; size];
        for (position, &at) in found.order.iter().enumerate() {
            assert_eq!(place[at], usize::MAX, "twice in the order");
            place[at] = position;
        }
        assert!(!found.closing.is_empty());
        for (from, tos) in edges.iter().enumerate() {
            for &to in tos
                .iter()
                .filter(|&&to| !found.closing.contains(&(from, to)))
            {
                assert!(
                    place[to] < place[from],
                    "{from} comes before {to}, which it owns"
                );
            }
        }
    }

    #[test]
    fn a_very_deep_graph_needs_no_deep_stack() {
        let size = 1_000_000;
        let edges: Vec<Vec<usize>> = (0..size)
            .map(|at| if at + 1 < size { vec![at + 1] } else { vec![] })
            .collect();
        let found = untangle(&edges, &[0]);
        assert_eq!((found.order.len(), found.order[0]), (size, size - 1));
    }
}
