internal import CLibrary

/// Work on open file descriptors that the system does in parts.
package enum Descriptor {
    /// Writes all of the bytes, however many calls that takes.
    ///
    /// - Throws: ``TokenReelError/Code/outputClosed`` if nobody reads the pipe any more,
    ///   ``TokenReelError/Code/inputOutput``, both about `subject`.
    package static func write(
        _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, subject: String
    ) throws(TokenReelError) {
        var done = 0
        while done < bytes.count {
            let written = systemWrite(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
            if written > 0 {
                done += written
            } else if errno != EINTR {
                throw TokenReelError(
                    errno == EPIPE ? .outputClosed : .inputOutput, subject: subject,
                    found: String(cString: strerror(errno)))
            }
        }
    }

    /// The same for bytes of an array.
    package static func write(_ bytes: [UInt8], to descriptor: Int32, subject: String) throws(TokenReelError) {
        try bytes.withUnsafeBufferPointer { bytes throws(TokenReelError) in
            try write(UnsafeRawBufferPointer(bytes), to: descriptor, subject: subject)
        }
    }
}
