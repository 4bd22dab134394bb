internal import ArgumentParser
internal import Essentials

/// How many threads work on each input.
struct ThreadOptions: ParsableArguments {
    @Option(help: "Threads for each input; never changes a result. (default: the cores, divided by inputs at a time)")
    var threads: Int?

    mutating func validate() throws {
        if let threads, !(1...1024 ~= threads) {
            throw ValidationError("--threads must be 1 to 1024, not \(threads).")
        }
    }

    /// Threads for each of some inputs that are worked on at the same time.
    func count(for inputs: Int = 1) -> Int {
        threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount / inputs)
    }
}
