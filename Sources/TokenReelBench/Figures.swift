internal import Foundation

/// Arguments that fit no benchmark.
struct Usage: Error {}

/// Named numbers in the order they were measured.
struct Figures {
    private var entries: [(name: String, value: Double)] = []

    subscript(name: String) -> Double? {
        get { entries.first { $0.name == name }?.value }
        set {
            guard let newValue else { return }
            entries.append((name, newValue))
        }
    }

    var json: String {
        "{" + entries.map { "\"\($0.name)\": \($0.value)" }.joined(separator: ", ") + "}"
    }
}

/// Runs work once and returns what it made with the wall-clock seconds it took.
func timed<Result>(_ work: () throws -> Result) rethrows -> (result: Result, seconds: Double) {
    let clock = ContinuousClock()
    let start = clock.now
    let result = try work()
    let elapsed = clock.now - start
    return (result, Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18)
}

/// Processor time that this process has taken, all threads together.
func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// A whole number among the arguments.
func number(_ arguments: [String], _ index: Int) throws -> Int {
    guard arguments.indices ~= index, let value = Int(arguments[index]), value > 0 else { throw Usage() }
    return value
}

/// Reproducible numbers from -1 to 1.
struct Noise {
    private var state: UInt64 = 1

    mutating func next() -> Float {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(Int32(truncatingIfNeeded: state >> 32)) * 0x1p-31
    }
}
