internal import TensorOps
package import TokenCore

/// Makes any plan hold exactly the asked number of tokens.
///
/// Serving stacks size their placeholders before a pixel is read, so the count must be exact whatever a method's own
/// rounding says. Too many: the rows that lose least by it are folded into the row most like them. Too few: the tokens
/// that are least like what stands for them get one of their own. Tokens are compared with tokens nearby only, so the
/// cost is linear in the length of the video.
package struct Reconciliation {
    let input: ReductionInput

    /// How many rows on either side in reading order count as near: more than a frame of the usual towers.
    private static let window = 256

    /// How many rows are to be anchored among some neighbouring source tokens.
    struct Quota {
        let tokens: Range<Int>
        let count: Int
    }

    package init(_ input: ReductionInput) { self.input = input }

    /// A plan of `count` rows in reading order.
    ///
    /// - Precondition: `count` is at most the number of source tokens, and at least 1 unless there are none.
    package func reconcile(_ plan: ReductionPlan, to count: Int) -> ReductionPlan {
        reconcile(plan, [Quota(tokens: 0..<plan.sourceCount, count: count)])
    }

    /// A plan with `count` rows anchored in every frame, in reading order: rows are folded and tokens freed within the
    /// frame that has too many or too few.
    ///
    /// - Precondition: `count` is at least 1 and at most the tokens of a frame.
    package func reconcile(_ plan: ReductionPlan, toEach count: Int) -> ReductionPlan {
        let cells = input.grid.shape.tokensPerFrame
        return reconcile(
            plan,
            (0..<input.grid.shape.frames).map { Quota(tokens: $0 * cells..<($0 + 1) * cells, count: count) })
    }

    private func reconcile(_ plan: ReductionPlan, _ quotas: [Quota]) -> ReductionPlan {
        free(in: fold(plan.inReadingOrder(), quotas), quotas)
    }

    // MARK: What both directions read

    /// The tokens that a plan makes, divided by their lengths.
    func units(of plan: ReductionPlan) -> TensorBuffer<Float> {
        Rows.normalized(plan.applied(to: input.grid.values, channels: input.channels), channels: input.channels)
    }

    /// The rows near a place in reading order, of `count` in all.
    static func near(_ place: Int, of count: Int) -> Range<Int> {
        max(place - window, 0)..<min(place + window + 1, count)
    }
}

extension ReductionPlan {
    /// The rows that are anchored among some tokens.
    ///
    /// - Precondition: The plan is in reading order.
    func rows(anchoredIn tokens: Range<Int>) -> Range<Int> {
        firstRow(from: tokens.lowerBound)..<firstRow(from: tokens.upperBound)
    }

    /// The first row that is anchored at a token or after it.
    ///
    /// - Precondition: The plan is in reading order.
    func firstRow(from token: Int) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if Int(anchors[middle]) >= token { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
