"""Real hub processes for tests."""
from __future__ import annotations
import contextlib, json, os, subprocess, sys, time, signal
from pathlib import Path
ROOT = Path(__file__).resolve().parents[1]
class HubProcess:
    def __init__(self, home, process, facts): self.home, self.process, self.facts = home, process, facts
    @property
    def pid(self): return self.process.pid
    def kill(self):
        self.process.kill(); self.process.wait(10)
    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(15)
def start_hub(home, server="hub"):
    env={**os.environ,"ACCORD_HOME":str(home)}
    if not (home/"hub.sqlite3").exists():
        subprocess.run([sys.executable,"manage.py","migrate","-v0"],cwd=ROOT,env=env,check=True)
    (home/"hub.json").unlink(missing_ok=True)
    log=open(str(home)+".log","ab")
    p=subprocess.Popen([sys.executable,"manage.py",server,*(["--noreload"] if server=="runserver" else [])],cwd=ROOT,env=env,stdout=log,stderr=log)
    log.close()
    end=time.monotonic()+30
    while time.monotonic()<end:
        if p.poll() is not None: raise RuntimeError(Path(str(home)+".log").read_text())
        try:
            f=json.loads((home/"hub.json").read_text())
            return HubProcess(home,p,f)
        except (FileNotFoundError, ValueError): time.sleep(0.02)
    p.kill(); raise RuntimeError("no start")
