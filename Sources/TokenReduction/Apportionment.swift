/// Divides a number of tokens among groups so that the parts add up exactly.
package enum Apportionment {
    /// Parts proportional to `weights`, none above its capacity, that sum to `total` or to all capacity there is.
    ///
    /// Largest remainder (Hamilton's method): every group gets its whole quota, and what is left goes to the largest
    /// remainders, ties to the lower index. What a full group can't take is shared again among the others. Groups with
    /// no weight get something only when all others are full.
    package static func share(_ total: Int, among weights: [Double], capacities: [Int]) -> [Int] {
        precondition(weights.count == capacities.count, "every group has a weight and a capacity")
        var parts = [Int](repeating: 0, count: weights.count)
        var left = min(total, capacities.reduce(0, +))
        while left > 0 {
            var open = parts.indices.filter { parts[$0] < capacities[$0] && weights[$0] > 0 }
            if open.isEmpty { open = parts.indices.filter { parts[$0] < capacities[$0] } }
            let sum = open.reduce(0) { $0 + weights[$1] }
            let quotas = open.map { sum > 0 ? Double(left) * weights[$0] / sum : Double(left) / Double(open.count) }
            let before = left
            for (place, group) in open.enumerated() {
                let whole = min(Int(quotas[place]), capacities[group] - parts[group], left)
                parts[group] += whole
                left -= whole
            }
            // Only when no group was cut short do the remainders decide; otherwise share what came back first.
            let isCutShort = open.indices.contains { parts[open[$0]] == capacities[open[$0]] && quotas[$0] >= 1 }
            if isCutShort, left < before { continue }
            let byRemainder = open.indices.sorted {
                (quotas[$0] - quotas[$0].rounded(.down), $1) > (quotas[$1] - quotas[$1].rounded(.down), $0)
            }
            for place in byRemainder where left > 0 && parts[open[place]] < capacities[open[place]] {
                parts[open[place]] += 1
                left -= 1
            }
        }
        return parts
    }

    /// What one of several groups gets of a whole that is spread evenly: none gets more than one above another.
    static func evenShare(of whole: Int, group: Int, groups: Int) -> Int {
        (group + 1) * whole / groups - group * whole / groups
    }
}
