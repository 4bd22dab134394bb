internal import CLibrary

/// What the system says about this process.
public enum ProcessMemory {
    /// The most memory that was resident at once, in bytes.
    public static var peakBytes: Int {
        #if os(Linux)
            // A process starts out with the peak of the one that started it in `ru_maxrss`; this figure is its own.
            if let kilobytes = status("VmHWM:") { return kilobytes * 1024 }
        #endif
        var usage = rusage()
        #if canImport(Darwin)
            getrusage(RUSAGE_SELF, &usage)
            return usage.ru_maxrss
        #else
            getrusage(RUSAGE_SELF.rawValue, &usage)
            return usage.ru_maxrss * 1024
        #endif
    }

    /// The memory that is resident now, in bytes; nil where the system does not tell.
    package static var currentBytes: Int? {
        #if os(Linux)
            status("VmRSS:").map { $0 * 1024 }
        #else
            nil
        #endif
    }

    /// Lets ``peakBytes`` count anew from what is resident now, where the system can.
    static func restartPeak() {
        #if os(Linux)
            let file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
            guard file >= 0 else { return }
            defer { close(file) }
            // What is not allowed leaves the count as it was.
            _ = write(file, "5", 1)
        #endif
    }

    #if os(Linux)
        /// An entry of the process's status, in kilobytes.
        private static func status(_ entry: String) -> Int? {
            let file = open("/proc/self/status", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { return nil }
            defer { close(file) }
            let text = [UInt8](unsafeUninitializedCapacity: 8192) { buffer, count in
                count = max(read(file, buffer.baseAddress, buffer.count), 0)
            }
            for line in String(decoding: text, as: UTF8.self).split(separator: "\n") where line.hasPrefix(entry) {
                return line.split { " \t".contains($0) }.compactMap { Int($0) }.first
            }
            return nil
        }
    #endif
}
