"""Gives a file to the page of the service in a browser without a window, and prints what the page then shows, as JSON.

usage: drop-video.py BROWSER PROFILE-FOLDER ADDRESS FILE
"""

import json
import os
import subprocess
import sys
import time

browser, profile, address, file = sys.argv[1:]
commands_out, commands_in = os.pipe()
answers_out, answers_in = os.pipe()


def hand_over():
    # The browser reads commands from descriptor 3 and writes answers to 4; neither end may be closed on the way there.
    ends = os.dup(commands_out), os.dup(answers_in)
    while min(ends) < 5:
        ends = os.dup(ends[0]), os.dup(ends[1])
    os.dup2(ends[0], 3)
    os.dup2(ends[1], 4)


process = subprocess.Popen(
    [browser, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={profile}",
     # The report's frame in the process of the page, or it could not be looked into.
     "--disable-features=IsolateSandboxedIframes"],
    preexec_fn=hand_over, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
os.close(commands_out)
os.close(answers_in)
answers = os.fdopen(answers_out, "rb")
number = 0


def receive():
    text = b""
    while (byte := answers.read(1)) != b"\0":
        if not byte:
            sys.exit("the browser is gone")
        text += byte
    return json.loads(text)


def ask(method, session=None, **parameters):
    global number
    number += 1
    message = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
    os.write(commands_in, json.dumps(message).encode() + b"\0")
    while True:
        answer = receive()
        if answer.get("id") == number:
            if "error" in answer:
                sys.exit(f"{method}: {answer['error']}")
            return answer["result"]


def value(expression, session, **place):
    return ask("Runtime.evaluate", session, expression=expression, returnByValue=True, **place)["result"].get("value")


def wait(expression, session, seconds=60, **place):
    end = time.monotonic() + seconds
    while not value(expression, session, **place):
        if time.monotonic() > end:
            sys.exit(f"never true: {expression}; the page says {value('document.body.innerText', session)!r}")
        time.sleep(0.05)


try:
    target = ask("Target.createTarget", url=address)["targetId"]
    session = ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    wait("document.querySelectorAll('#method option').length > 0", session)
    page = ask("DOM.getDocument", session)["root"]["nodeId"]
    chooser = ask("DOM.querySelector", session, nodeId=page, selector="#file")["nodeId"]
    ask("DOM.setFileInputFiles", session, nodeId=chooser, files=[file])
    wait("!document.querySelector('#report').hidden || document.querySelector('#state').className == 'warn'", session)
    shown = {
        "state": value("document.querySelector('#state').textContent", session),
        "failed": value("document.querySelector('#state').className == 'warn'", session),
        "methods": value("document.querySelectorAll('#method option').length", session),
        "chosen": value("document.querySelector('#method').value", session),
    }
    if not shown["failed"]:
        # The report may not reach the page around it, nor the page the report; a look from outside can.
        frame = ask("Page.getFrameTree", session)["frameTree"]["childFrames"][0]["frame"]["id"]
        world = ask("Page.createIsolatedWorld", session, frameId=frame)["executionContextId"]
        wait("document.querySelectorAll('canvas').length > 0", session, contextId=world)
        shown["canvases"] = value("document.querySelectorAll('canvas').length", session, contextId=world)
        shown["report"] = value("document.body.innerText", session, contextId=world)
        shown["origin"] = value("self.origin", session, contextId=world)
    print(json.dumps(shown))
finally:
    process.kill()
    process.wait()
