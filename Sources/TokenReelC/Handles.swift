internal import Synchronization
internal import TokenCore

/// The objects that programs hold by number.
///
/// A number that was given back, or never was given out, is told apart from one that stands for something, which an
/// address could not be. Whoever works with an object keeps it, so giving its number back meanwhile is safe.
enum Handles {
    private struct State {
        var objects: [UInt: any AnyObject & Sendable] = [:]
        var last: UInt = 0
    }
    private static let state = Mutex(State())
    /// Apart from each other as addresses are, for programs that look at the low bits.
    private static let step: UInt = 16

    /// Gives an object a number.
    static func add(_ object: any AnyObject & Sendable) -> OpaquePointer? {
        state.withLock { state in
            state.last += step
            state.objects[state.last] = object
            return OpaquePointer(bitPattern: state.last)
        }
    }

    /// The object behind a number; nil if it is of another kind or gone.
    static func find<Object: AnyObject>(_ handle: OpaquePointer?, _ kind: Object.Type = Object.self) -> Object? {
        state.withLock { $0.objects[UInt(bitPattern: handle)] as? Object }
    }

    /// The object behind a number.
    ///
    /// - Throws: ``TokenReelError/Code/invalidArgument`` if it is of another kind or gone.
    static func object<Object: AnyObject>(_ handle: OpaquePointer?, _ name: String) throws(TokenReelError) -> Object {
        guard let object = find(handle, Object.self) else {
            throw TokenReelError(
                .invalidArgument, subject: name,
                found: handle == nil ? "NULL" : "a handle of something else, or of nothing",
                allowed: "a \(name) that has not been freed")
        }
        return object
    }

    /// Takes a number back, if it stands for an object of that kind.
    static func remove<Object: AnyObject>(_ handle: OpaquePointer?, _ kind: Object.Type) {
        // The object goes after the lock is open again: what it does as it ends may take long.
        _ = state.withLock { state -> Object? in
            guard let object = state.objects[UInt(bitPattern: handle)] as? Object else { return nil }
            state.objects[UInt(bitPattern: handle)] = nil
            return object
        }
    }
}
