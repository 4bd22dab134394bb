// swift-tools-version: 6.1
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.byName(name: name), "TestSupport"] + dependencies,
        exclude: exclude, swiftSettings: swiftSettings)
}

let package = Package(
    name: "tokenreel",
    products: [
        .library(name: "TokenReel", targets: ["TokenReel"]),
        .library(name: "TokenReduction", targets: ["TokenReduction"]),
        .library(name: "TokenReelC", type: .dynamic, targets: ["TokenReelC"]),
        .executable(name: "tokenreel", targets: ["TokenReelCLI"]),
        .executable(name: "tokenreel-serve", targets: ["TokenReelServe"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // The service's own; building the library and the command needs none of them.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    ],
    targets: [
        // One direction only: each target sees those listed, nothing sees its users.
        .systemLibrary(
            name: "CFFmpeg", pkgConfig: "libavformat libavcodec libswscale libavutil",
            providers: [.apt(["libavformat-dev", "libavcodec-dev", "libswscale-dev"])]),
        .systemLibrary(
            name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .target(name: "CKernels"),
        .target(name: "COneDNN", linkerSettings: [.linkedLibrary("dnnl", .when(platforms: [.linux]))]),
        .systemLibrary(name: "CTokenReel"),
        .target(name: "CConfinement"),
        // What differs among systems, under one name.
        library("CLibrary"),
        library("Essentials"),
        library("TokenCore", ["CLibrary"]),
        library("Safetensors", ["CLibrary", "TokenCore"]),
        library("TensorOps", ["CLibrary", "TokenCore", "COpenBLAS", "COneDNN", "CKernels"]),
        library("VideoDecoding", ["CLibrary", "TokenCore", "CFFmpeg"]),
        library("VisionEncoding", ["CLibrary", "Essentials", "TokenCore", "Safetensors", "TensorOps"]),
        library("TokenReduction", ["TokenCore", "TensorOps"]),
        .target(
            name: "TokenReel",
            dependencies: [
                "CLibrary", "Essentials", "TokenCore", "Safetensors", "TensorOps", "VideoDecoding", "VisionEncoding",
                "TokenReduction",
            ],
            resources: ["page.css", "comparison.html", "sequence.html"].map { .embedInCode("Pages/\($0)") },
            swiftSettings: swiftSettings),
        library(
            "TokenReelC",
            [
                "CLibrary", "TokenReel", "TokenCore", "Safetensors", "TokenReduction", "VideoDecoding", "CTokenReel",
            ]),
        .executableTarget(
            name: "TokenReelCLI",
            dependencies: [
                "CLibrary", "Essentials", "TokenReel", "TokenCore", "Safetensors", "VideoDecoding", "VisionEncoding",
                "TokenReduction", "TensorOps",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings),
        .target(
            name: "TokenService",
            dependencies: [
                "CLibrary", "Essentials", "TokenReel", "TokenCore", "VideoDecoding", "VisionEncoding", "TokenReduction",
                "CConfinement",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            resources: [.embedInCode("Pages/index.html")], swiftSettings: swiftSettings),
        .executableTarget(
            name: "TokenReelServe",
            dependencies: [
                "CLibrary", "Essentials", "TokenService", "TokenCore", "VisionEncoding",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "TokenReelBench",
            dependencies: ["TokenReel", "VideoDecoding", "VisionEncoding", "TokenReduction", "TensorOps", "TokenCore"],
            swiftSettings: swiftSettings),

        .target(
            name: "TestSupport", dependencies: ["TokenCore", "Safetensors"], path: "Tests/TestSupport",
            swiftSettings: swiftSettings),
        tests("TokenCore"),
        tests("Safetensors", exclude: ["Fixtures"]),
        tests("TensorOps"),
        tests("VideoDecoding", exclude: ["Live/rtsp-server.py", "Live/fake-camera.c"]),
        tests("VisionEncoding", ["Safetensors", "TensorOps"], exclude: ["Fixtures"]),
        tests("TokenReduction", ["TensorOps"], exclude: ["Fixtures"]),
        tests("TokenReel", ["VideoDecoding", "VisionEncoding", "TokenReduction"], exclude: ["Positions/Fixtures"]),
        tests("TokenReelC", exclude: ["Programs"]),
        tests(
            "TokenService",
            ["TokenReelServe", "TokenReelCLI", "TokenReel", "VideoDecoding", "TokenReduction", "TokenCore"],
            exclude: ["drop-video.py"]),
        tests("TokenReelCLI", ["TokenReel", "TokenReduction", "Safetensors", "TokenCore"]),
    ],
    swiftLanguageModes: [.v6]
)
