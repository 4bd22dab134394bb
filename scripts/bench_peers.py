"""The other sides of scripts/bench: bench_peers.py NAME ARGUMENTS… does one piece of work in this process.

Prints the seconds of the work, and a figure to check it by, as one JSON object. Each peer imports and loads its data
first, so that neither is timed.
"""

import json
import sys
import time


def pyav_rate(path, rate):
    import av

    start = time.perf_counter()
    count = 0
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        next_time = 0.0
        for frame in container.decode(stream):
            if frame.time >= next_time:
                frame.to_ndarray(format="rgb24")
                next_time += 1 / float(rate)
                count += 1
    return time.perf_counter() - start, count


def pyav_frames(path, wanted):
    import av

    start = time.perf_counter()
    count = 0
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        duration = float(stream.duration * stream.time_base)
        for index in range(int(wanted)):
            seconds = (index + 0.5) * duration / int(wanted)
            container.seek(int(seconds / stream.time_base), stream=stream)
            for frame in container.decode(stream):
                if frame.time >= seconds - 1e-3:
                    frame.to_ndarray(format="rgb24")
                    count += 1
                    break
    return time.perf_counter() - start, count


def opencv_rate(path, rate):
    import cv2

    start = time.perf_counter()
    capture = cv2.VideoCapture(path)
    fps = capture.get(cv2.CAP_PROP_FPS)
    index = count = 0
    next_time = 0.0
    while capture.grab():
        if index / fps >= next_time:
            _, frame = capture.retrieve()
            cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            next_time += 1 / float(rate)
            count += 1
        index += 1
    return time.perf_counter() - start, count


def decord_rate(path, rate):
    import decord

    start = time.perf_counter()
    reader = decord.VideoReader(path)
    step = round(reader.get_avg_fps() / float(rate))
    count = len(reader.get_batch(list(range(0, len(reader), step))).asnumpy())
    return time.perf_counter() - start, count


def decord_frames(path, wanted):
    import decord

    start = time.perf_counter()
    reader = decord.VideoReader(path)
    places = [int((index + 0.5) * len(reader) / int(wanted)) for index in range(int(wanted))]
    count = len(reader.get_batch(places).asnumpy())
    return time.perf_counter() - start, count


def mean_cosine(tokens, centroids):
    import numpy

    unit = centroids / numpy.linalg.norm(centroids, axis=1, keepdims=True).clip(1e-20)
    return float((tokens @ unit.T).max(axis=1).mean())


def matrices(tokens, centroids, channels):
    import numpy

    return [numpy.fromfile(path, numpy.float32).reshape(-1, int(channels)) for path in (tokens, centroids)]


def faiss_kmeans(tokens, centroids, channels, iterations):
    import faiss

    data, seeds = matrices(tokens, centroids, channels)
    means = faiss.Kmeans(
        data.shape[1], len(seeds), niter=int(iterations), spherical=True, min_points_per_centroid=1,
        max_points_per_centroid=len(data))
    start = time.perf_counter()
    means.train(data, init_centroids=seeds)
    return time.perf_counter() - start, mean_cosine(data, means.centroids)


def sklearn_kmeans(tokens, centroids, channels, iterations):
    import warnings

    from sklearn.cluster import KMeans

    warnings.simplefilter("ignore")
    data, seeds = matrices(tokens, centroids, channels)
    means = KMeans(len(seeds), init=seeds, n_init=1, max_iter=int(iterations), tol=0, algorithm="lloyd")
    start = time.perf_counter()
    means.fit(data)
    return time.perf_counter() - start, mean_cosine(data, means.cluster_centers_)


PEERS = [pyav_rate, pyav_frames, opencv_rate, decord_rate, decord_frames, faiss_kmeans, sklearn_kmeans]

if __name__ == "__main__":
    chosen = next(peer for peer in PEERS if peer.__name__ == sys.argv[1])
    seconds, check = chosen(*sys.argv[2:])
    print(json.dumps({"seconds": seconds, "check": check}))
