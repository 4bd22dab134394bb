internal import CLibrary
internal import CTokenReel
internal import TokenCore
internal import TokenReel

/// Where a call puts text that the program has to give back.
typealias TextPlace = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
/// Where a call puts a handle.
typealias HandlePlace = UnsafeMutablePointer<OpaquePointer?>?

/// Does the work of one call, and tells how it ended as the header says.
func call(_ error: TextPlace, _ work: () throws(TokenReelError) -> Void) -> Int32 {
    error?.pointee = nil
    do throws(TokenReelError) {
        try work()
        return Int32(TOKENREEL_OK)
    } catch let failure {
        let message = JSONValue.members(["message": .string(failure.description)])
        error?.pointee = strdup(failure.json.joined(with: message).text)
        return failure.code.status
    }
}

/// The same for a call that makes something.
func call(
    making handle: HandlePlace, _ name: String, _ error: TextPlace,
    _ work: () throws(TokenReelError) -> any AnyObject & Sendable
) -> Int32 {
    handle?.pointee = nil
    return call(error) { () throws(TokenReelError) in
        let place = try required(handle, name)
        place.pointee = Handles.add(try work())
    }
}

/// A pointer that must not be NULL.
func required<Pointer>(_ pointer: Pointer?, _ name: String) throws(TokenReelError) -> Pointer {
    guard let pointer else {
        throw TokenReelError(.invalidArgument, subject: name, found: "NULL", allowed: "a pointer")
    }
    return pointer
}

/// A text that must be there.
func text(_ pointer: UnsafePointer<CChar>?, _ name: String) throws(TokenReelError) -> String {
    guard let text = String(validatingCString: try required(pointer, name)) else {
        throw TokenReelError(.invalidArgument, subject: name, found: "bytes that are not UTF-8", allowed: "UTF-8")
    }
    return text
}

/// The options of a call, NULL standing for none.
func parsed(_ pointer: UnsafePointer<CChar>?) throws(TokenReelError) -> PipelineOptions {
    guard let pointer else { return PipelineOptions() }
    return try PipelineOptions(json: try text(pointer, "options"))
}

extension TokenReelError.Code {
    /// The number that the header has for it.
    fileprivate var status: Int32 {
        let status =
            switch self {
            case .invalidArgument: TOKENREEL_INVALID_ARGUMENT
            case .unreadableInput: TOKENREEL_UNREADABLE_INPUT
            case .unsupportedInput: TOKENREEL_UNSUPPORTED_INPUT
            case .limitExceeded: TOKENREEL_LIMIT_EXCEEDED
            case .missingSignal: TOKENREEL_MISSING_SIGNAL
            case .inputOutput: TOKENREEL_INPUT_OUTPUT
            case .outputClosed: TOKENREEL_OUTPUT_CLOSED
            case .cancelled: TOKENREEL_CANCELLED
            default: TOKENREEL_FAILURE
            }
        return Int32(status)
    }
}
