/// Sets that only ever grow together (union-find); a set is named by its least member.
struct DisjointSets {
    private var parent: [Int]

    /// `count` sets of one member each.
    init(count: Int) { parent = Array(0..<count) }

    /// The least member of the set that holds `member`.
    mutating func find(_ member: Int) -> Int {
        var root = member
        while parent[root] != root {
            parent[root] = parent[parent[root]]
            root = parent[root]
        }
        return root
    }

    /// Makes one set of the two that hold `a` and `b`; false if they were one already.
    @discardableResult
    mutating func join(_ a: Int, _ b: Int) -> Bool {
        let (first, second) = (find(a), find(b))
        guard first != second else { return false }
        parent[max(first, second)] = min(first, second)
        return true
    }

    /// All sets by their least member, members ascending.
    mutating func sets() -> [[Int]] {
        var place = [Int](repeating: -1, count: parent.count)
        var sets: [[Int]] = []
        for member in parent.indices {
            let root = find(member)
            if place[root] < 0 {
                place[root] = sets.count
                sets.append([])
            }
            sets[place[root]].append(member)
        }
        return sets
    }
}
