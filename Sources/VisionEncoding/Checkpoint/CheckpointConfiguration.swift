internal import Essentials
internal import TensorOps
internal import TokenCore

/// `config.json` of a checkpoint, with the values that it leaves out because they equal their class's default.
struct CheckpointConfiguration: Sendable {
    /// The outer `model_type`, such as `llava_onevision`.
    let modelType: ModelType
    /// The vision tower's part; nil for a text tower on its own.
    let vision: TowerConfiguration?
    /// The same for Qwen-VL's towers, whose numbers are others.
    let qwen: QwenConfiguration?
    /// The text tower's part, where one shares the vision tower's space.
    let text: TowerConfiguration?
    /// LLaVA's `vision_feature_layer`: an index into the hidden states, negative from the end.
    let featureLayer: Int?
    /// The function between the projector's two layers.
    let projectorActivation: Activation

    init(folder: String) throws(TokenReelError) {
        let raw: RawConfiguration = try JSONFile.decode("config.json", in: folder)
        let path = "\(folder)/config.json"
        guard let name = raw.modelType, let type = ModelType(rawValue: name) else {
            throw TokenReelError(
                .unsupportedInput, subject: path,
                found: raw.modelType.map { "model_type \"\($0)\"" } ?? "no model_type",
                allowed: ModelType.allCases.map(\.rawValue).joined(separator: ", "),
                remedy: "name the folder of another checkpoint")
        }
        modelType = type
        var vision: TowerConfiguration?
        var text: TowerConfiguration?
        var qwen: QwenConfiguration?
        switch type {
        case .clipVision, .siglipVision:
            vision = try TowerConfiguration(raw.tower, defaults: type.visionDefaults, in: path)
        case .clipText, .siglipText: text = try TowerConfiguration(raw.tower, defaults: type.textDefaults, in: path)
        case .clip, .siglip:
            vision = try TowerConfiguration(raw.visionConfig ?? RawTower(), defaults: type.visionDefaults, in: path)
            text = try TowerConfiguration(raw.textConfig ?? RawTower(), defaults: type.textDefaults, in: path)
        case .llavaOneVision:
            vision = try Self.innerVision(raw.visionConfig, in: path)
        case .qwen2_5VL, .qwen3VL, .qwen3VLMoE:
            qwen = try QwenConfiguration(
                raw.qwenConfig ?? RawQwenTower(), type == .qwen2_5VL ? .qwen2_5 : .qwen3, in: path)
        }
        self.vision = vision
        self.text = text
        self.qwen = qwen
        featureLayer = type == .llavaOneVision ? raw.visionFeatureLayer ?? -1 : nil
        projectorActivation = try Activation(configured: raw.projectorHiddenAct ?? "gelu", in: path)
        if type == .llavaOneVision, let strategy = raw.visionFeatureSelectStrategy, strategy != "full" {
            throw TokenReelError(
                .unsupportedInput, subject: path, found: "vision_feature_select_strategy \"\(strategy)\"",
                allowed: "full")
        }
    }

    /// The tower inside LLaVA-OneVision; without any `vision_config` the class makes 26 layers of SigLIP so400m.
    private static func innerVision(_ raw: RawTower?, in path: String) throws(TokenReelError) -> TowerConfiguration {
        guard let raw else {
            return try TowerConfiguration(RawTower(), defaults: .llavaOneVisionVision, in: path)
        }
        let name = raw.modelType ?? ModelType.siglipVision.rawValue
        guard name == ModelType.siglipVision.rawValue else {
            throw TokenReelError(
                .unsupportedInput, subject: path, found: "vision_config.model_type \"\(name)\"",
                allowed: ModelType.siglipVision.rawValue)
        }
        return try TowerConfiguration(raw, defaults: .siglipVision, in: path)
    }
}

/// The outer `model_type` values that can be read.
enum ModelType: String, Sendable, CaseIterable {
    case clip
    case clipVision = "clip_vision_model"
    case clipText = "clip_text_model"
    case siglip
    case siglipVision = "siglip_vision_model"
    case siglipText = "siglip_text_model"
    case llavaOneVision = "llava_onevision"
    case qwen2_5VL = "qwen2_5_vl"
    case qwen3VL = "qwen3_vl"
    case qwen3VLMoE = "qwen3_vl_moe"

    private var isCLIP: Bool { [.clip, .clipVision, .clipText].contains(self) }
    /// Whether the tower joins frames and blocks of patches, as Qwen-VL's do.
    var isQwen: Bool { [.qwen2_5VL, .qwen3VL, .qwen3VLMoE].contains(self) }

    /// Whether the file holds one tower, described by the outer object itself.
    var isAlone: Bool { [.clipVision, .clipText, .siglipVision, .siglipText].contains(self) }

    var visionDefaults: TowerDefaults { isCLIP ? .clipVision : .siglipVision }
    var textDefaults: TowerDefaults { isCLIP ? .clipText : .siglipText }
}

// MARK: - As written

/// The members of `config.json` that matter, all of which a published file may leave out.
struct RawConfiguration: Decodable {
    var modelType: String?
    var visionConfig: RawTower?
    var qwenConfig: RawQwenTower?
    var textConfig: RawTower?
    var visionFeatureLayer: Int?
    var visionFeatureSelectStrategy: String?
    var projectorHiddenAct: String?
    /// The same object read as a tower, for files that hold one tower only.
    var tower = RawTower()

    private enum CodingKeys: String, CodingKey {
        case modelType, visionConfig, textConfig, visionFeatureLayer, visionFeatureSelectStrategy, projectorHiddenAct
    }

    init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: CodingKeys.self)
        modelType = try members.decodeIfPresent(String.self, forKey: .modelType)
        let type = modelType.flatMap(ModelType.init(rawValue:))
        if type?.isQwen == true {
            qwenConfig = try members.decodeIfPresent(RawQwenTower.self, forKey: .visionConfig)
        } else {
            visionConfig = try members.decodeIfPresent(RawTower.self, forKey: .visionConfig)
        }
        // A language model's own settings have nothing to do with a tower's, and may clash with their types.
        let isPair = modelType == ModelType.clip.rawValue || modelType == ModelType.siglip.rawValue
        textConfig = isPair ? try members.decodeIfPresent(RawTower.self, forKey: .textConfig) : nil
        visionFeatureLayer = try members.decodeIfPresent(Int.self, forKey: .visionFeatureLayer)
        visionFeatureSelectStrategy = try members.decodeIfPresent(String.self, forKey: .visionFeatureSelectStrategy)
        projectorHiddenAct = try members.decodeIfPresent(String.self, forKey: .projectorHiddenAct)
        if type?.isAlone == true { tower = try RawTower(from: decoder) }
    }
}

/// One tower's members as written.
struct RawTower: Decodable {
    var modelType: String?
    var hiddenSize: Int?
    var intermediateSize: Int?
    var numHiddenLayers: Int?
    var numAttentionHeads: Int?
    var imageSize: Int?
    var patchSize: Int?
    var numChannels: Int?
    var hiddenAct: String?
    var layerNormEps: Double?
    var visionUseHead: Bool?
    var vocabSize: Int?
    var maxPositionEmbeddings: Int?
    var eosTokenId: Int?
}
