internal import CLibrary
public import CTokenReel
internal import Safetensors
internal import TokenCore
internal import TokenReduction
internal import TokenReel
internal import VideoDecoding

// The functions of tokenreel.h, which says what they do. Nothing here may trap, whatever it is given.

// MARK: The library

/// The address of a text that stays; as a number, since pointers can't be shared.
private let versionText = UInt(bitPattern: strdup(ProductVersion.current))

/// `tokenreel_version`.
@_cdecl("tokenreel_version")
public func version() -> UnsafePointer<CChar>? { UnsafePointer(bitPattern: versionText) }

/// `tokenreel_abi`.
@_cdecl("tokenreel_abi")
public func abi() -> Int32 { Int32(TOKENREEL_ABI) }

/// `tokenreel_string_free`.
@_cdecl("tokenreel_string_free")
public func freeString(_ string: UnsafeMutablePointer<CChar>?) { free(string) }

/// `tokenreel_methods`.
@_cdecl("tokenreel_methods")
public func methods(
    _ methods: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
    _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    methods?.pointee = nil
    return call(error) { () throws(TokenReelError) in
        let entries = MethodCatalogue.entries.filter { $0.kind == .method }
        try required(methods, "methods").pointee = strdup(JSONValue.array(entries.map(\.json)).text)
    }
}

// MARK: Stopping work

/// `tokenreel_cancellation_new`.
@_cdecl("tokenreel_cancellation_new")
public func newCancellation() -> OpaquePointer? { Handles.add(Cancellation()) }

/// `tokenreel_cancel`.
@_cdecl("tokenreel_cancel")
public func cancel(_ cancellation: OpaquePointer?) { Handles.find(cancellation, Cancellation.self)?.cancel() }

/// `tokenreel_cancellation_free`.
@_cdecl("tokenreel_cancellation_free")
public func freeCancellation(_ cancellation: OpaquePointer?) { Handles.remove(cancellation, Cancellation.self) }

// MARK: Reducing

/// A model behind a handle.
private final class ModelHandle: Sendable {
    let model: OpenModel
    init(_ model: OpenModel) { self.model = model }

    static func find(_ model: OpaquePointer?) throws(TokenReelError) -> OpenModel {
        let handle: ModelHandle = try Handles.object(model, "model")
        return handle.model
    }

    /// The pipeline for one call.
    static func pipeline(
        _ model: OpaquePointer?, _ options: PipelineOptions, _ cancellation: OpaquePointer?
    ) throws(TokenReelError) -> Pipeline {
        let model = try find(model)
        let raised: Cancellation? = cancellation == nil ? nil : try Handles.object(cancellation, "cancellation")
        return try model.pipeline(options, cancellation: raised)
    }
}

/// `tokenreel_open`.
@_cdecl("tokenreel_open")
public func open(
    _ settings: UnsafePointer<CChar>?, _ model: UnsafeMutablePointer<OpaquePointer?>?,
    _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    call(making: model, "model", error) { () throws(TokenReelError) in
        ModelHandle(try OpenModel(try parsed(settings)))
    }
}

/// `tokenreel_model_free`.
@_cdecl("tokenreel_model_free")
public func freeModel(_ model: OpaquePointer?) { Handles.remove(model, ModelHandle.self) }

/// `tokenreel_reduce_file`.
@_cdecl("tokenreel_reduce_file")
public func reduceFile(
    _ model: OpaquePointer?, _ path: UnsafePointer<CChar>?, _ settings: UnsafePointer<CChar>?,
    _ cancellation: OpaquePointer?, _ result: UnsafeMutablePointer<OpaquePointer?>?,
    _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    call(making: result, "result", error) { () throws(TokenReelError) in
        let options = try parsed(settings)
        let pipeline = try ModelHandle.pipeline(model, options, cancellation)
        let input = try OpenInput(
            .file(try text(path, "path")), name: try ModelHandle.find(model).sourceName(options),
            limits: pipeline.decodeOptions.limits,
            cancellation: pipeline.request.cancellation)
        return ReductionResult(try pipeline.reduce(input))
    }
}

/// `tokenreel_reduce_tensors`.
@_cdecl("tokenreel_reduce_tensors")
public func reduceTensors(
    _ model: OpaquePointer?, _ tensors: UnsafePointer<tokenreel_tensor>?, _ count: Int,
    _ settings: UnsafePointer<CChar>?, _ cancellation: OpaquePointer?,
    _ result: UnsafeMutablePointer<OpaquePointer?>?, _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    call(making: result, "result", error) { () throws(TokenReelError) in
        let pipeline = try ModelHandle.pipeline(model, try parsed(settings), cancellation)
        let file = try TokenGridFile(
            try SafetensorsFile(tensors, count: count), name: "tensors", limits: pipeline.decodeOptions.limits)
        return ReductionResult(try pipeline.reduce(encoded: EncodedInput(grid: file.grid, query: file.query)))
    }
}

/// `tokenreel_read_file`.
@_cdecl("tokenreel_read_file")
public func readFile(
    _ path: UnsafePointer<CChar>?, _ result: UnsafeMutablePointer<OpaquePointer?>?,
    _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    call(making: result, "result", error) { () throws(TokenReelError) in
        let file = try TokenSequenceFile(path: try text(path, "path"))
        return ReductionResult(file.sequence, metadata: file.metadata, report: .null)
    }
}

// MARK: Streams

/// `tokenreel_stream_open`.
@_cdecl("tokenreel_stream_open")
public func openStream(
    _ model: OpaquePointer?, _ settings: UnsafePointer<CChar>?, _ stream: UnsafeMutablePointer<OpaquePointer?>?,
    _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    call(making: stream, "stream", error) { () throws(TokenReelError) in
        try ReductionStream(try ModelHandle.find(model), try parsed(settings))
    }
}

/// `tokenreel_stream_push`.
@_cdecl("tokenreel_stream_push")
public func push(
    _ stream: OpaquePointer?, _ pixels: UnsafePointer<UInt8>?, _ width: Int32, _ height: Int32, _ stride: Int64,
    _ seconds: Double, _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    call(error) { () throws(TokenReelError) in
        let stream: ReductionStream = try Handles.object(stream, "stream")
        let rows = try PixelRows(try required(pixels, "pixels"), Int(width), Int(height), stride: Int(stride))
        try stream.push(rows, seconds)
    }
}

/// `tokenreel_stream_finish`.
@_cdecl("tokenreel_stream_finish")
public func finish(
    _ stream: OpaquePointer?, _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    call(error) { () throws(TokenReelError) in
        let stream: ReductionStream = try Handles.object(stream, "stream")
        stream.finish()
    }
}

/// `tokenreel_stream_poll`.
@_cdecl("tokenreel_stream_poll")
public func poll(
    _ stream: OpaquePointer?, _ timeout: Double, _ result: UnsafeMutablePointer<OpaquePointer?>?,
    _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    result?.pointee = nil
    var isOver = false
    let status = call(error) { () throws(TokenReelError) in
        let stream: ReductionStream = try Handles.object(stream, "stream")
        let place = try required(result, "result")
        switch try stream.poll(timeout) {
        case .segment(let segment): place.pointee = Handles.add(segment)
        case .nothingYet: break
        case .over: isOver = true
        }
    }
    return isOver ? Int32(TOKENREEL_END) : status
}

/// `tokenreel_stream_free`.
@_cdecl("tokenreel_stream_free")
public func freeStream(_ stream: OpaquePointer?) {
    Handles.find(stream, ReductionStream.self)?.stop()
    Handles.remove(stream, ReductionStream.self)
}

// MARK: Results

/// `tokenreel_result_count`.
@_cdecl("tokenreel_result_count")
public func countTensors(_ result: OpaquePointer?) -> Int {
    Handles.find(result, ReductionResult.self)?.tensors.count ?? 0
}

/// `tokenreel_result_tensor`.
@_cdecl("tokenreel_result_tensor")
public func tensor(
    _ result: OpaquePointer?, _ index: Int, _ tensor: UnsafeMutablePointer<tokenreel_tensor>?,
    _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    call(describing: tensor, error) { () throws(TokenReelError) in
        let result: ReductionResult = try Handles.object(result, "result")
        guard result.tensors.indices.contains(index) else {
            throw TokenReelError(
                .invalidArgument, subject: "index", found: "\(index)", allowed: "below \(result.tensors.count)")
        }
        return result.tensors[index]
    }
}

/// `tokenreel_result_find`.
@_cdecl("tokenreel_result_find")
public func findTensor(
    _ result: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ tensor: UnsafeMutablePointer<tokenreel_tensor>?,
    _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    call(describing: tensor, error) { () throws(TokenReelError) in
        let result: ReductionResult = try Handles.object(result, "result")
        let name = try text(name, "name")
        guard let found = result.tensors.first(where: { strcmp($0.name, name) == 0 }) else {
            throw TokenReelError(
                .invalidArgument, subject: "name", found: "\"\(name)\"",
                allowed: result.tensors.map { String(cString: $0.name) }.sorted().joined(separator: ", "))
        }
        return found
    }
}

private func call(
    describing tensor: UnsafeMutablePointer<tokenreel_tensor>?, _ error: TextPlace,
    _ work: () throws(TokenReelError) -> tokenreel_tensor
) -> Int32 {
    tensor?.pointee = tokenreel_tensor()
    return call(error) { () throws(TokenReelError) in try required(tensor, "tensor").pointee = try work() }
}

/// `tokenreel_result_description`.
@_cdecl("tokenreel_result_description")
public func describe(_ result: OpaquePointer?) -> UnsafePointer<CChar>? {
    UnsafePointer(Handles.find(result, ReductionResult.self)?.description)
}

/// `tokenreel_result_write`.
@_cdecl("tokenreel_result_write")
public func write(
    _ result: OpaquePointer?, _ path: UnsafePointer<CChar>?, _ dtype: UnsafePointer<CChar>?,
    _ error: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    call(error) { () throws(TokenReelError) in
        let result: ReductionResult = try Handles.object(result, "result")
        let name = dtype == nil ? TokenDType.f16.rawValue : try text(dtype, "dtype")
        guard let stored = TokenDType(rawValue: name) else {
            throw TokenReelError(
                .invalidArgument, subject: "dtype", found: "\"\(name)\"",
                allowed: TokenDType.allCases.map(\.rawValue).joined(separator: ", "))
        }
        try result.write(to: try text(path, "path"), stored)
    }
}

/// `tokenreel_result_free`.
@_cdecl("tokenreel_result_free")
public func freeResult(_ result: OpaquePointer?) { Handles.remove(result, ReductionResult.self) }
