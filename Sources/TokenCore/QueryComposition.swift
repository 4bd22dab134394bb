extension Query {
    /// Phrases from the vectors of their sub-words.
    ///
    /// A word is the mean of its sub-words' vectors ("On the Effect of Token Merging on Pre-trained Models for Code",
    /// arXiv 2507.14423), and a phrase the normalised sum of its words, so that a noun and its attributes are looked for
    /// together ("Token Merging for Training-Free Semantic Binding", arXiv 2411.07132).
    ///
    /// - Parameters:
    ///   - words: For each vector of this query which word it belongs to, counted from 0 without gaps.
    ///   - phrases: For each word which phrase it belongs to, likewise; nil puts every word into a phrase of its own.
    /// - Throws: ``TokenReelError/Code/invalidArgument`` unless each vector has a word and each word a phrase.
    public func composed(words: [Int], phrases: [Int]? = nil) throws(TokenReelError) -> Query {
        let means = try sums(of: vectors, groups: words, count: count, "words", isMean: true)
        let wordCount = means.count / channels
        var sums = try sums(
            of: means, groups: phrases ?? Array(0..<wordCount), count: wordCount, "phrases", isMean: false)
        for start in stride(from: 0, to: sums.count, by: channels) {
            let length = sums[start..<start + channels].reduce(0) { $0 + $1 * $1 }.squareRoot()
            for index in start..<start + channels where length > 0 { sums[index] /= length }
        }
        return try Query(vectors: sums, channels: channels)
    }

    private func sums(
        of vectors: [Float], groups: [Int], count: Int, _ name: String, isMean: Bool
    ) throws(TokenReelError) -> [Float] {
        let total = (groups.max() ?? -1) + 1
        guard groups.count == count, Set(groups) == Set(0..<max(total, 0)) else {
            throw TokenReelError(
                .invalidArgument, subject: "query", found: "\(groups.count) \(name) up to \(total - 1)",
                allowed: "\(count), counted from 0 without gaps")
        }
        var sums = [Float](repeating: 0, count: total * channels)
        var members = [Float](repeating: 0, count: total)
        for (row, group) in groups.enumerated() {
            members[group] += 1
            for channel in 0..<channels { sums[group * channels + channel] += vectors[row * channels + channel] }
        }
        guard isMean else { return sums }
        return sums.indices.map { sums[$0] / members[$0 / channels] }
    }
}
