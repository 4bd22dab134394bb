import Testing
import TokenCore
import TokenReduction

/// Values within 1e-5 of the largest magnitude.
func expectClose(_ values: [Float], _ expected: [Float], sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(values.count == expected.count, sourceLocation: sourceLocation)
    let scale = expected.reduce(0) { max($0, abs($1)) }
    let worst = zip(values, expected).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
    #expect(worst <= 1e-5 * scale, "off by \(worst) of \(scale)", sourceLocation: sourceLocation)
}

/// Identical indices, sizes and segments, and close values, in the order the original emits them.
func expectReduction(_ reduction: Reduction, _ fixture: Fixture, of grid: TokenGrid) {
    let positions = reduction.plan.anchors.flatMap { anchor -> [Int32] in
        let place = grid.position(of: Int(anchor))
        return [Int32(place.frame), Int32(place.row), Int32(place.column)]
    }
    #expect(positions == fixture.integers("expected.positions"))
    if fixture.has("expected.sizes") { #expect(reduction.plan.sizes == fixture.floats("expected.sizes")) }
    if fixture.has("expected.segments") {
        #expect(
            reduction.segments.flatMap { [Int32($0.start), Int32($0.end)] } == fixture.integers("expected.segments")
        )
    }
    let tokens = reduction.plan.applied(to: grid.values, channels: grid.shape.channels)
    expectClose(tokens.array, fixture.floats("expected.tokens"))
}
